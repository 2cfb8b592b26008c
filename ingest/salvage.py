"""Reads batches, and saves the good rows of one in which some have the wrong form."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from core.codec import Batch, Row, decode_readings
from core.errors import CodecError

MAX_BATCH_ID: Final = 128


class Fault(NamedTuple):
    """A part of a payload that is not stored, and why."""

    payload: bytes
    code: str
    reason: str


class _RawBatch(msgspec.Struct, frozen=True):
    id: str
    rows: list[msgspec.Raw]


_raw_batch: Final = msgspec.json.Decoder(_RawBatch)
_row: Final = msgspec.json.Decoder(Row)


def read_batch(payload: bytes) -> tuple[Batch, list[Fault]]:
    """Decode a payload of readings; rows of the wrong form are faults, and do not take their neighbours with them.

    Raises
    ------
    CodecError
        It is no batch at all, or its id is too long to be sent back.
    """
    faults: list[Fault] = []
    try:
        batch = decode_readings(payload)
    except CodecError as error:
        batch, faults = _salvage(payload, error)
    if len(batch.id) > MAX_BATCH_ID:
        raise CodecError(f"readings: id of {len(batch.id)} characters is above {MAX_BATCH_ID}")
    return batch, faults


def _salvage(payload: bytes, error: CodecError) -> tuple[Batch, list[Fault]]:
    try:
        raw = _raw_batch.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise error from None
    rows: list[Row] = []
    faults: list[Fault] = []
    for item in raw.rows:
        try:
            rows.append(_row.decode(item))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            faults.append(Fault(bytes(item), error.code, f"row: {reason}"))
    return Batch(raw.id, rows), faults
