"""What travels over MQTT."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codec import MAX_PAYLOAD_BYTES, Batch, GatewayState, Status, Stored, decode_message, decode_readings, encode
from core.commands import Command, Outcome, Result
from core.errors import CodecError, DomainError
from core.points import Limits, Point

COMMAND = Command("c1", "torino/calvino/hall/heating-setpoint", 12, 19.5, "control", "nobody is there", 1000, 2000)
POINT = Point("torino/calvino/hall/heating-setpoint", "Zone_Air_Heating_Temperature_Setpoint", "Cel",
              limits=Limits(5, 26, 18))  # fmt: skip

rows = st.tuples(st.text(max_size=20), st.integers(0, 2**53), st.floats(allow_nan=False, allow_infinity=False),
                 st.integers(0, 255))  # fmt: skip


@given(st.text(), st.lists(rows))
def test_a_batch_comes_back_as_it_was(batch_id: str, content: list[tuple[str, int, float, int]]) -> None:
    assert decode_readings(encode(Batch(batch_id, content))) == Batch(batch_id, content)


@pytest.mark.parametrize(
    "message",
    [
        Stored(["e-1", "e-2"], 1_700_000_000_000),
        GatewayState(Status.ONLINE, 5, "0.1", points=[POINT]),
        GatewayState(Status.OFFLINE),
        COMMAND,
        Command("c2", COMMAND.point, 8, None, "Ada", "release", 1000, 2000),
        Result("c1", COMMAND.point, Outcome.APPLIED, 1500, read_back=19.5),
    ],
)
def test_every_message_comes_back_as_it_was(message: Stored | GatewayState | Command | Result) -> None:
    assert decode_message(encode(message), type(message)) == message


@pytest.mark.parametrize(
    ("payload", "row"),
    [
        (b'["a/b/c",1700000000000,21.5]', ("a/b/c", 1_700_000_000_000, 21.5, 0)),
        (b'["a/b/c",1700000000000,21,64]', ("a/b/c", 1_700_000_000_000, 21.0, 64)),
        (b'{"point":"a/b/c","time":5,"value":1}', ("a/b/c", 5, 1.0, 0)),
    ],
)
def test_a_single_reading_is_a_batch_without_id(payload: bytes, row: tuple[str, int, float, int]) -> None:
    assert decode_readings(payload) == Batch("", [row])


def test_a_reading_of_a_batch_takes_about_sixty_bytes() -> None:
    batch = Batch("3f2a9c-17", [("torino/calvino/reading-room/temperature", 1_700_000_000_000, 21.35, 0)] * 50)
    assert len(encode(batch)) / 50 < 68


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"id":"x"}',
        b'{"id":"x","rows":[["a/b/c",1]]}',
        b'{"id":"x","rows":[["a/b/c",1,NaN,0]]}',
        b'{"id":"x","rows":[["a/b/c",1,"7",0]]}',
        b'{"id":"x","rows":[["a/b/c",1.5,7,0]]}',
        b'["a/b/c",1,2,3,4,5]',
        b"[" * 100_000,
        b"\xff\xfe",
        b" " * (MAX_PAYLOAD_BYTES + 1),
    ],
)
def test_what_is_not_readings_is_refused(payload: bytes) -> None:
    with pytest.raises(CodecError):
        decode_readings(payload)


@given(st.binary())
def test_hostile_bytes_raise_nothing_else(payload: bytes) -> None:
    for kind in (Stored, GatewayState, Command, Result):
        with contextlib.suppress(CodecError):
            decode_message(payload, kind)
    with contextlib.suppress(CodecError):
        decode_readings(payload)


@pytest.mark.parametrize(
    "changes",
    [{"slot": 2}, {"slot": 16}, {"slot": 0}, {"expires_ms": 1000}, {"point": "nonsense"}, {"by": ""}, {"id": ""}],
)
def test_a_command_that_breaks_a_rule_is_refused_on_both_sides(changes: dict[str, object]) -> None:
    plain = json.loads(encode(COMMAND)) | changes
    with pytest.raises(CodecError):
        decode_message(json.dumps(plain).encode(), Command)
    with pytest.raises(DomainError):
        Command(**plain)
