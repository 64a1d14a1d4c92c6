from __future__ import annotations

import copy

import Pyro4.util
import pytest

from hpbandster_ng.backends.pyro import settings, wire
from hpbandster_ng.backends.pyro.wire import Attempt, Order, decode_order, decode_report, encode_order, encode_report
from hpbandster_ng.engine import plain_json
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import CommunicationError, NotPlainError

ATTEMPT = Attempt((0, 1, 2), 1 / 3, 2, "session")


@pytest.mark.parametrize("state", OutcomeState)
def test_reports_arrive_as_they_were(state):
    info = {"set": {1, 2}, 3: (b"\x00", None), "inf": float("inf")}
    outcome = Outcome(state, {"loss": 0.1, "info": info}, "a traceback")
    assert decode_report(encode_report(ATTEMPT, outcome)) == (ATTEMPT, outcome)


def test_orders_arrive_as_they_were():
    order = Order(ATTEMPT, {"x": 0.1, "n": 3, "c": "€"}, "/some where", 1 / 3, None)
    assert decode_order(encode_order(order)) == order


@pytest.mark.parametrize("text", ["a" * 1000, "€" * 400])
def test_the_size_limit_counts_bytes(monkeypatch, text):
    monkeypatch.setattr(wire, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(NotPlainError, match=r"the result has 1,\d{3} bytes, more than the 1,000 that can be sent"):
        encode_report(ATTEMPT, Outcome(OutcomeState.SUCCEEDED, {"loss": 1.0, "info": text}))


GOOD = [[(0, 1, 2), 1.0, 1, "session"], "succeeded", {"loss": 0.5, "info": None}, None]


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report.pop(),
        lambda report: report.append(None),
        lambda report: report[0].pop(),
        lambda report: report[0].__setitem__(0, [0, 1, 2]),  # no key of a dict
        lambda report: report[0].__setitem__(1, {}),
        lambda report: report[0].__setitem__(2, "1"),
        lambda report: report[0].__setitem__(2, True),
        lambda report: report[0].__setitem__(3, 1),
        lambda report: report.__setitem__(1, "unheard of"),
        lambda report: report.__setitem__(1, {}),
        lambda report: report.__setitem__(2, 0.5),
        lambda report: report.__setitem__(2, [0.5]),
        lambda report: report.__setitem__(2, {"loss": 0.5}),
        lambda report: report.__setitem__(2, {"loss": "0.5", "info": None}),
        lambda report: report.__setitem__(2, {"loss": None, "info": None}),
        lambda report: report.__setitem__(2, {"loss": float("nan"), "info": None}),
        lambda report: report.__setitem__(2, {"loss": 10**400, "info": None}),
        lambda report: report.__setitem__(3, 1),
    ],
)
def test_a_report_that_is_none_is_one_error_of_ours(change):
    report = copy.deepcopy(GOOD)
    decode_report(plain_json.dumps(report))
    change(report)
    with pytest.raises(CommunicationError, match="this is no report"):
        decode_report(plain_json.dumps(report))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, None, b"\xff", 7, ["a"], '"' * 3])
def test_a_text_that_is_no_report_is_one_error_of_ours(text):
    with pytest.raises(CommunicationError, match="this is no report"):
        decode_report(text)


def test_a_user_may_set_the_limit():
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 1.0, "info": "a" * 1000})
    encode_report(ATTEMPT, outcome, 2000)
    with pytest.raises(NotPlainError, match=r"the result has 1,\d{3} bytes, more than the 1,000 that can be sent"):
        encode_report(ATTEMPT, outcome, 1000)


@pytest.mark.parametrize("character", ["a", "\\", '"', "'", "\n", "\x00", "\x85", "\u2028", "\ue000", "\U000e0001"])
def test_what_passes_the_size_limit_passes_on_the_way(character):
    """Pyro4's serializer writes a literal with escapes, for which a connection has room."""
    settings.apply_settings()
    text = encode_report(ATTEMPT, Outcome(OutcomeState.SUCCEEDED, {"loss": 1.0, "info": character * 1000}))
    data, _ = Pyro4.util.get_serializer("serpent").serializeCall("desk", "exchange", (text,), {})
    assert len(data) / len(text.encode()) < settings.ESCAPED
    assert Pyro4.config.MAX_MESSAGE_SIZE >= settings.ESCAPED * settings.MAX_MESSAGE_BYTES
