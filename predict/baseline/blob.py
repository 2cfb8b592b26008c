"""A baseline as bytes for the registry, and back on any machine and version of numpy; no code travels in it."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
import numpy as np

from core.calendar import Calendar
from core.errors import DomainError
from predict.baseline.calibration import Calibration
from predict.baseline.days import HOURS
from predict.baseline.prior import DayPrior
from predict.residuals import Residuals
from predict.series import Floats

KIND: Final = "days"
FORMAT: Final = 1
Packed: TypeAlias = bytes
"""Little-endian 32-bit floats: seven digits, which no meter has."""


class Learnt(msgspec.Struct, frozen=True):
    """What travels: the days seen and what was used on them; the rest follows from it in some milliseconds.

    Attributes
    ----------
    ordinal, kind
        Of each day seen, m in all.
    weather
        Shape (m, 4): level, two remembered temperatures, sun.
    around_kwh
        Shape (m, 24): what was used around `hour_mean_kwh`.
    noise
        Which of the prior's was chosen.
    climate
        Shapes (3, 24), (3, 24) and (3,): usual shape of temperature and of sun, usual sun.
    """

    format: int
    timezone: str
    prior: DayPrior
    ordinal: list[int]
    kind: list[int]
    weather: Packed
    around_kwh: Packed
    noise: float
    hour_mean_kwh: list[float]
    climate: tuple[Packed, Packed, list[float]]
    answer_kwh_k: list[float]
    temperature_range_c: tuple[float, float]
    nonnegative: bool
    calibration: Calibration
    residuals: Residuals


def pack(values: Floats) -> Packed:
    """Values as bytes, row by row."""
    return np.ascontiguousarray(values, "<f4").tobytes()


def unpack(packed: Packed, columns: int) -> Floats:
    """Values of so many columns, as `pack` packed them."""
    return np.frombuffer(packed, "<f4").astype(np.float64).reshape(-1, columns)


def decode(blob: bytes, calendar: Calendar) -> Learnt:
    """What a blob says; `calendar` is the site's.

    Raises
    ------
    DomainError
        The blob is not one of ours, or the site's time zone is another one now.
    """
    try:
        learnt = msgspec.msgpack.decode(blob, type=Learnt)
    except msgspec.DecodeError as error:
        raise DomainError(f"not a baseline of kind {KIND}: {error}") from error
    if learnt.format != FORMAT or learnt.timezone != calendar.timezone:
        raise DomainError(
            f"baseline of format {learnt.format} in {learnt.timezone}, "
            f"wanted format {FORMAT} in {calendar.timezone}: fit it again"
        )
    days = len(learnt.ordinal)
    if len(learnt.weather) != days * 4 * 4 or len(learnt.around_kwh) != days * HOURS * 4:
        raise DomainError(f"not a baseline of kind {KIND}: {days} days, but tables of another size")
    return learnt
