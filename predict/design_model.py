"""A design model as the promise of a building: a recorded simulation of it, kept, and what explains the gap to it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from core.errors import DomainError, NotFoundError
from predict.causes.explain import explain
from predict.causes.explanation import Explanation
from predict.causes.record import Record, RecordedPoint
from predict.causes.roles import MeterKind, Role, known_unit, meter_kind, role_of
from predict.causes.signals import read_signals
from predict.causes.stored import stored_record
from predict.curve_gap import same_days
from predict.fit import find_building
from stores.port import ReadingStore
from stores.registry import ModelRecord, Registry

KIND: Final = "design"
"""Of the record among the registry's models; it is kept under the building's id."""
_FORMAT: Final = 1
_LARGEST: Final = 256 * 1024 * 1024


class _Point(msgspec.Struct, frozen=True):
    name: str
    brick_class: str
    unit: str
    zone: str
    time_ms: bytes
    value: bytes


class _Kept(msgspec.Struct, frozen=True):
    format: int
    points: list[_Point]


def keep_design(registry: Registry, building_id: str, record: Record, *, source: str, now_ms: int) -> ModelRecord:
    """Keep a recorded simulation as the next version of a building's design model.

    Parameters
    ----------
    record
        Its points are called as the building's are, without ``site/building/``; a meter of another name is known by
        what it counts.
    source
        Which model it is, and who made it.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        No source is given, or the record has no energy meter or less than a week.
    """
    find_building(registry, building_id)
    if not source.strip():
        raise DomainError("say which model it is and who made it: a source is needed")
    signals = read_signals(record)
    blob = to_bytes(record)
    figures = {
        "source": source,
        "points": len(record.points),
        "kwh": {meter.name: float(np.nansum(meter.kwh)) for meter in signals.meters},
        "data_sha256": hashlib.sha256(blob).hexdigest(),
    }
    known = [p.time_ms for p in record.points if len(p.time_ms)]
    period = min(int(t[0]) for t in known), max(int(t[-1]) for t in known) + 1
    return registry.put_model(building_id, KIND, period=period, figures=figures, blob=blob, now_ms=now_ms)


def explain_design(
    store: ReadingStore, registry: Registry, building_id: str, start_ms: int, end_ms: int
) -> Explanation:
    """Why a building uses more than its design model does in the same days of its own year: actual minus design.

    Raises
    ------
    NotFoundError
        The building is not in the registry, or has no design model.
    DomainError
        The model's record does not hold the same days, or one of the two cannot be explained.
    """
    _, calendar = find_building(registry, building_id)
    kept = registry.latest_model(building_id, KIND)
    if kept is None:
        raise NotFoundError(f"{building_id} has no design model yet: promessa gap design keeps one")
    span = same_days(start_ms, end_ms, (kept.start_ms, kept.end_ms), calendar)
    if span is None:
        raise DomainError(f"the design model of {building_id} does not hold the same days of any year")
    actual = stored_record(store, registry, building_id, start_ms, end_ms)
    return explain(aligned(between(from_bytes(kept.blob), *span), actual, building_id), actual)


def aligned(design: Record, actual: Record, building_id: str) -> Record:
    """The design's points under the names of the building's; no I/O.

    A name that the building has as well stays; a meter is called as the only one of the building's that counts the same
    and has no namesake.
    """
    named = [
        replace(p, name=f"{building_id}/{p.name}", zone=f"{building_id}/{p.zone}" if p.zone else "")
        for p in design.points
    ]
    names = {p.name for p in actual.points}
    ours, theirs = _meters(actual.points), _meters(named)
    alone = {n: k for n, k in theirs.items() if n not in names}
    free = {n: k for n, k in ours.items() if n not in theirs}
    renamed = _matched(alone, free)
    # A design may name its one gas meter after the boiler: then the carrier tells.
    left = {n: k.carrier for n, k in alone.items() if n not in renamed}
    renamed |= _matched(left, {n: k.carrier for n, k in free.items() if n not in renamed.values()})
    return Record(tuple(replace(p, name=renamed.get(p.name, p.name)) for p in named))


def between(record: Record, start_ms: int, end_ms: int) -> Record:
    """What was recorded in ``[start_ms, end_ms)``."""
    points = []
    for p in record.points:
        rows = slice(*np.searchsorted(p.time_ms, (start_ms, end_ms)).tolist())
        points.append(replace(p, time_ms=p.time_ms[rows], value=p.value[rows]))
    return Record(tuple(points))


def to_bytes(record: Record) -> bytes:
    """A record for the registry, points in the order of time; opens with `from_bytes`."""
    points = []
    for p in record.points:
        order = np.argsort(p.time_ms, kind="stable")
        time_ms, value = p.time_ms[order].astype("<i8"), p.value[order].astype("<f8")
        points.append(_Point(p.name, p.brick_class, p.unit, p.zone, time_ms.tobytes(), value.tobytes()))
    return zlib.compress(msgspec.msgpack.encode(_Kept(_FORMAT, points)))


def from_bytes(blob: bytes) -> Record:
    """Record of a blob; DomainError when it holds none of ours."""
    try:
        kept = msgspec.msgpack.decode(zlib.decompressobj().decompress(blob, _LARGEST), type=_Kept)
    except (zlib.error, msgspec.DecodeError) as error:
        raise DomainError(f"not a design model: {error}") from error
    if kept.format != _FORMAT:
        raise DomainError(f"design model in format {kept.format}, wanted {_FORMAT}: keep it again")
    return Record(
        tuple(
            RecordedPoint(
                name=p.name,
                brick_class=p.brick_class,
                unit=p.unit,
                zone=p.zone,
                time_ms=np.frombuffer(p.time_ms, "<i8").astype(np.int64),
                value=np.frombuffer(p.value, "<f8").astype(np.float64),
            )
            for p in kept.points
        )
    )


def _matched(theirs: Mapping[str, object], ours: Mapping[str, object]) -> dict[str, str]:
    """Names of which there is one of a kind on either side."""
    kinds = [kind for kind in theirs.values() if [*theirs.values()].count(kind) == [*ours.values()].count(kind) == 1]
    return {n: o for n, kind in theirs.items() if kind in kinds for o, other in ours.items() if other == kind}


def _meters(points: Sequence[RecordedPoint]) -> dict[str, MeterKind]:
    found = {}
    for p in points:
        try:
            is_meter = role_of(p.brick_class, known_unit(p.unit), p.name) is Role.METER
        except DomainError:
            continue
        if is_meter:
            found[p.name] = meter_kind(p.brick_class, p.name.rsplit("/", 1)[-1])
    return found
