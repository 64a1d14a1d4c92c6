"""Two ends of a connection, over a pair of sockets: who is let in, and who is not."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from hpbandster_ng.backends.pyro import certificates
from hpbandster_ng.backends.pyro.certificates import mint, time_left
from hpbandster_ng.errors import CredentialsError

OURS, THEIRS = mint(), mint()


def expired(monkeypatch):
    monkeypatch.setattr(certificates, "_VALIDITY", timedelta(seconds=-1))
    return mint()


def shake_hands(server, client):
    """What each side met: None, or its error."""
    errors = {}

    def side(name, context, sock, **options):
        try:
            with context.wrap_socket(sock, **options) as tls:
                if name == "server":
                    tls.sendall(b"welcome")
                else:
                    assert tls.recv(7) == b"welcome"
        except OSError as error:
            errors[name] = error
        finally:
            sock.close()

    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(10.0)
    thread = threading.Thread(target=side, args=("server", server, one), kwargs={"server_side": True})
    thread.start()
    side("client", client, other)
    thread.join()
    return errors.get("server"), errors.get("client")


def test_members_of_a_run_meet():
    assert shake_hands(OURS.for_servers, OURS.for_clients) == (None, None)


def test_members_of_two_runs_refuse_each_other():
    server, client = shake_hands(OURS.for_servers, THEIRS.for_clients)
    assert isinstance(client, ssl.SSLCertVerificationError)
    assert isinstance(server, ssl.SSLError)


def test_a_client_without_a_certificate_is_refused():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=OURS.authority)
    server, client = shake_hands(OURS.for_servers, context)
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in str(server)
    assert client is not None


def test_a_client_with_another_runs_certificate_is_refused_though_it_believes_the_server():
    context = mint().for_clients
    context.load_verify_locations(cadata=OURS.authority)
    server, client = shake_hands(OURS.for_servers, context)
    assert isinstance(server, ssl.SSLCertVerificationError)
    assert client is not None


def test_a_server_with_another_runs_certificate_is_refused():
    """Else whoever takes the port of a nameserver that has died could hand out jobs."""
    server = mint().for_servers
    server.verify_mode = ssl.CERT_NONE
    assert isinstance(shake_hands(server, OURS.for_clients)[1], ssl.SSLCertVerificationError)


def test_an_older_protocol_is_refused():
    old = mint().for_clients
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    server, client = shake_hands(OURS.for_servers, old)
    assert "UNSUPPORTED_PROTOCOL" in str(server)
    assert client is not None


def test_a_certificate_that_has_expired_lets_nobody_in(monkeypatch):
    secret = expired(monkeypatch)
    assert "expired" in str(shake_hands(secret.for_servers, secret.for_clients)[1])


def test_a_secret_is_good_for_thirty_days():
    assert timedelta(days=29, hours=23) < time_left(OURS) <= timedelta(days=30)


def test_the_authoritys_key_is_nowhere():
    """So nobody, whoever reads the files, can make another certificate of the run."""
    texts = (OURS.authority, OURS.certificate, OURS.key)
    assert [text.count("PRIVATE KEY-----\n") // 2 for text in texts] == [0, 0, 1]
    authority, member = (x509.load_pem_x509_certificate(text.encode()) for text in texts[:2])
    member.verify_directly_issued_by(authority)
    assert member.public_key() != authority.public_key()


def test_a_certificate_signs_no_other():
    member = x509.load_pem_x509_certificate(OURS.certificate.encode())
    assert member.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert member.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False


@pytest.mark.parametrize("part", ["authority", "certificate", "key"])
@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\0"])
def test_what_is_no_certificate_is_one_error_of_ours(part, text):
    with pytest.raises(CredentialsError, match="these are no credentials of a run"):
        replace(OURS, **{part: text}).check()


def test_the_key_must_be_that_of_the_certificate():
    with pytest.raises(CredentialsError, match="these are no credentials of a run"):
        replace(OURS, key=THEIRS.key).check()


def test_a_secret_does_not_show_itself():
    assert "BEGIN" not in f"{OURS!r} {OURS}"
