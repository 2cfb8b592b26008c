"""A recorded period of a building: its points and their readings, as they come from a folder or a store."""

from __future__ import annotations

from dataclasses import dataclass

from predict.series import Floats, Times


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPoint:
    """One point and all of its readings in the period.

    Attributes
    ----------
    name
        As the record calls it.
    brick_class
        Brick class, for example ``Zone_Air_Temperature_Sensor``.
    unit
        UCUM code, or a usual spelling of one (``kWh``, ``°C``).
    zone
        The zone it belongs to; empty for the whole building.
    time_ms
        Shape (n,): UTC milliseconds.
    value
        Shape (n,): NaN where nothing is known.
    """

    name: str
    brick_class: str
    unit: str
    zone: str
    time_ms: Times
    value: Floats


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that was recorded of one building in one period."""

    points: tuple[RecordedPoint, ...]
