from __future__ import annotations

import Pyro4.util
import pytest

from hpbandster_ng.backends.pyro import settings, wire
from hpbandster_ng.backends.pyro.wire import Attempt, Order, decode_order, decode_report, encode_order, encode_report
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import NotPlainError

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


@pytest.mark.parametrize("character", ["a", "\\", '"', "'", "\n", "\x00", "\x85", "\u2028", "\ue000", "\U000e0001"])
def test_what_passes_the_size_limit_also_passes_pyros(character):
    """Pyro4's serializer writes a literal with escapes, which must stay below its own limit."""
    settings.apply_settings()
    text = encode_report(ATTEMPT, Outcome(OutcomeState.SUCCEEDED, {"loss": 1.0, "info": character * 1000}))
    data, _ = Pyro4.util.get_serializer("serpent").serializeCall("desk", "exchange", (text,), {})
    assert len(data) / len(text.encode()) < 3
    assert Pyro4.config.MAX_MESSAGE_SIZE >= 3 * settings.MAX_MESSAGE_BYTES
