"""What the members of a run share and nobody else has: one certificate, its key, and the authority that vouches for it.

Both ends of a connection show the same certificate and believe only in that authority, which signed nothing else: its
own key is thrown away as soon as it has. Names and addresses are not looked at, since those of a cluster vary.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hpbandster_ng.errors import CredentialsError

__all__ = ["Secret"]


@dataclass(frozen=True, repr=False)
class Secret:
    """The credentials of a run, as PEM texts.

    Attributes:
        authority: the certificate of the authority.
        certificate: the one certificate that it signed.
        key: the private key of that certificate.
    """

    authority: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Secret(...)"

    @cached_property
    def for_servers(self) -> ssl.SSLContext:
        """Accepts clients of this run only.

        Raises:
            CredentialsError: the texts are no certificates, or the key is another's.
        """
        context = self._context(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0  # every connection shows its certificate anew
        return context

    @cached_property
    def for_clients(self) -> ssl.SSLContext:
        """Accepts servers of this run only.

        Raises:
            CredentialsError: the texts are no certificates, or the key is another's.
        """
        return self._context(ssl.PROTOCOL_TLS_CLIENT)

    def check(self) -> None:
        """Raise if nobody could be let in.

        Raises:
            CredentialsError: the texts are no certificates, or the key is another's.
        """
        _ = self.for_servers, self.for_clients

    def _context(self, protocol: int) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        try:
            context.load_verify_locations(cadata=self.authority)
            with tempfile.TemporaryDirectory(prefix="hpbandster_ng-") as folder:  # ssl reads keys from files only
                path = Path(folder) / "member.pem"
                path.touch(mode=0o600)
                path.write_text(self.key + self.certificate)
                context.load_cert_chain(path)
        except (ssl.SSLError, ValueError, OSError) as error:
            raise CredentialsError(f"these are no credentials of a run: {error}; start the nameserver anew") from error
        return context
