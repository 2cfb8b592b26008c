"""What travels over MQTT, as JSON: batches of compact rows, acknowledgements, state, commands and results."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

import msgspec

from core.commands import Command, Result
from core.errors import CodecError, DomainError
from core.points import Point

Row: TypeAlias = tuple[str, int, float, int]
"""``(point, time_ms, value, quality)``: a `Reading` without its name."""

MAX_PAYLOAD_BYTES: Final = 1_048_576
MAX_TIME_MS: Final = 4_102_444_800_000
"""2100-01-01; a time beyond it is in the wrong unit."""


class Batch(msgspec.Struct, frozen=True):
    """Readings a gateway sends together; kept in its spool until `id` comes back as stored."""

    id: str
    rows: list[Row]


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ingest's word that these batches are durably stored.

    Attributes
    ----------
    ids
        Batch ids.
    until_ms
        Newest measured time among them, UTC milliseconds; lets listeners move with the data's time.
    """

    ids: list[str]
    until_ms: int = 0


class Status(StrEnum):
    """Whether a gateway is there."""

    ONLINE = "online"
    OFFLINE = "offline"


class GatewayState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a gateway says of itself, retained; its last will says offline.

    Attributes
    ----------
    status
        Online or offline.
    since_ms
        When it came to be so, UTC milliseconds (0 in the last will, which is written beforehand).
    version
        Software version.
    read_only
        It refuses every command.
    points
        What it measures and drives; present when online.
    spooled_batches, dropped_batches
        Waiting for acknowledgement; dropped by the spool's bounds since it was made (more than none is an alarm).
    alarms
        What somebody should look at, a sentence each.
    """

    status: Status
    since_ms: int = 0
    version: str = ""
    read_only: bool = False
    points: list[Point] = []
    spooled_batches: int = 0
    dropped_batches: int = 0
    alarms: list[str] = []


class _BareRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    point: str
    time: int
    value: float
    quality: int = 0


class _Single(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    point: str
    time: int
    value: float
    quality: int = 0


T = TypeVar("T", Stored, GatewayState, Command, Result)

_encoder: Final = msgspec.json.Encoder()
_batch_decoder: Final = msgspec.json.Decoder(Batch)
_bare_decoder: Final = msgspec.json.Decoder(_BareRow)
_single_decoder: Final = msgspec.json.Decoder(_Single)


def encode(message: Batch | Stored | GatewayState | Command | Result) -> bytes:
    """Encode any message of ours as JSON."""
    return _encoder.encode(message)


def decode_readings(payload: bytes) -> Batch:
    """Decode a payload of the ``readings`` topic.

    Parameters
    ----------
    payload
        A batch ``{"id": …, "rows": [[point, time, value, quality], …]}``, one bare row ``[point, time, value]``
        (quality optional), or one object ``{"point": …, "time": …, "value": …}`` (quality optional).

    Returns
    -------
    Batch
        A single reading comes as a batch with an empty id: there is nothing to acknowledge to its sender.

    Raises
    ------
    CodecError
        It is none of these, or too large. Only the form is judged here, not the values.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise CodecError(f"payload of {len(payload)} bytes is above {MAX_PAYLOAD_BYTES}")
    try:
        if payload[:1] == b"[":
            bare = _bare_decoder.decode(payload)
            return Batch("", [(bare.point, bare.time, bare.value, bare.quality)])
        try:
            return _batch_decoder.decode(payload)
        except msgspec.ValidationError as error:
            try:
                one = _single_decoder.decode(payload)
            except msgspec.ValidationError:
                raise error from None
            return Batch("", [(one.point, one.time, one.value, one.quality)])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"readings: {error}") from error


def decode_message(payload: bytes, kind: type[T]) -> T:
    """Decode a payload of any other topic as `kind`.

    Raises
    ------
    CodecError
        It is not of that form, or breaks a rule of its type.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise CodecError(f"payload of {len(payload)} bytes is above {MAX_PAYLOAD_BYTES}")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, DomainError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"{kind.__name__.lower()}: {error}") from error
