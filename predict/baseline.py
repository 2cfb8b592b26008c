"""The baseline: what a meter should use by the hour of the week and the outdoor temperature (TOWT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.residuals import Residuals, describe
from predict.series import Floats, Times
from predict.week import HOLIDAY_SLOT, SLOTS, hour_of_week

KIND: Final = "towt"
FORMAT: Final = 1
_OCCUPIED_SHARE: Final = 0.65
_HEATING_BELOW_C, _COOLING_ABOVE_C = 10.0, 18.3
"""50 and 65 degrees Fahrenheit, of the LBNL occupancy detection."""
_EDGE_QUANTILE: Final = 0.03
_MIN_RANGE_K: Final = 2.0
_MAX_EXTRAPOLATION_K: Final = 5.0
_FOLDS: Final = 6
_BLOCK_DAYS: Final = 30
"""Cross-validation leaves out months, since neighbouring days know each other; shorter blocks of a shorter period."""


class _Learnt(msgspec.Struct, frozen=True):
    """What travels in a blob."""

    format: int
    timezone: str
    smoothing_h: list[float]
    knots_c: list[list[float]]
    slot_kwh: list[float]
    occupied: list[bool]
    temperature_kwh: list[float]
    temperature_range_c: tuple[float, float]
    nonnegative: bool
    residuals: Residuals


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected energy per hour.

    Attributes
    ----------
    time_ms
        Shape (n,): start of each hour, UTC milliseconds.
    kwh
        Shape (n,): NaN where the temperature is unknown.
    extrapolated
        Shape (n,): the temperature lies outside of what the model was fitted on.
    """

    time_ms: Times
    kwh: Floats
    extrapolated: npt.NDArray[np.bool_]


class TowtBaseline:
    """Time-of-week-and-temperature baseline, closed form.

    An hour's energy is a level for its slot of the local week (holidays are an eighth day) plus piecewise-linear
    functions of the outdoor temperature, one set while the building is occupied and one while it is not, found as
    LBNL does: a slot is occupied where more than 65 % of its hours lie above a regression on degree-hours alone.
    Beside the temperature of the hour stand exponentially smoothed ones, because a building's mass remembers.

    Parameters
    ----------
    calendar
        The site's: local hours and holidays.
    smoothing_h
        Time constants of the temperatures, hours; 0 is the hour itself.
    knots
        Knots of each piecewise-linear function.
    slot_shrinkage
        Slot levels are shrunk to the mean as if so many hours had been seen there.
    ridge
        Ridge on the temperature coefficients, per hour of data.

    Attributes
    ----------
    slot_kwh_ : ndarray of shape (192,)
    occupied_ : ndarray of shape (192,)
    temperature_kwh_ : ndarray
        Coefficients of the temperature functions.
    temperature_range_c_ : tuple of float
        Lowest and highest temperature fitted on.
    cross_validated_kwh_ : ndarray of shape (n,)
        Each hour of the baseline period as expected by a fit on the other months.
    residuals_ : Residuals
        Size and memory of the cross-validated errors.

    References
    ----------
    J. L. Mathieu, P. N. Price, S. Kiliccote, M. A. Piette, "Quantifying changes in building electricity use, with
    application to demand response", IEEE Trans. Smart Grid 2 (2011) 507-518.
    """

    def __init__(
        self,
        calendar: Calendar,
        smoothing_h: tuple[float, ...] = (0.0, 24.0, 96.0),
        knots: int = 5,
        slot_shrinkage: float = 1.0,
        ridge: float = 1e-3,
    ) -> None:
        self.calendar = calendar
        self.smoothing_h = smoothing_h
        self.knots = knots
        self.slot_shrinkage = slot_shrinkage
        self.ridge = ridge

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's signature
        """Parameters by name, as scikit-learn has it."""
        names = ("calendar", "smoothing_h", "knots", "slot_shrinkage", "ridge")
        return {name: getattr(self, name) for name in names}

    @property
    def warm_up_ms(self) -> int:
        """Temperature needed before the first hour of a prediction for its smoothed values, milliseconds."""
        return int(3 * max(self.smoothing_h)) * HOUR_MS

    def fit(self, time_ms: Times, temperature_c: Floats, kwh: Floats) -> Self:
        """Learn from consecutive hours.

        Parameters
        ----------
        time_ms
            Shape (n,): start of each hour, UTC milliseconds.
        temperature_c, kwh
            Shape (n,), NaN where unknown; such hours are left out.

        Raises
        ------
        DomainError
            No hour has both.
        """
        known = np.isfinite(kwh) & np.isfinite(temperature_c)
        if not known.any():
            raise DomainError("a baseline needs hours with both energy and outdoor temperature")
        slot = hour_of_week(time_ms, self.calendar)
        self.occupied_ = _find_occupied(slot[known], temperature_c[known], kwh[known])
        smoothed = [_smooth(temperature_c, tau) for tau in self.smoothing_h]
        self.knots_c_ = [_place_knots(values[known], self.knots) for values in smoothed]
        features = self._features(smoothed, slot)
        self.slot_kwh_, self.temperature_kwh_ = self._solve(slot[known], features[known], kwh[known])
        self.temperature_range_c_ = (float(temperature_c[known].min()), float(temperature_c[known].max()))
        self.nonnegative_ = bool(kwh[known].min() >= 0)
        self.cross_validated_kwh_ = self._cross_validate(time_ms, slot, features, kwh)
        self.residuals_ = describe(kwh - self.cross_validated_kwh_)
        return self

    def predict(self, time_ms: Times, temperature_c: Floats) -> Prediction:
        """Expected energy of consecutive hours, whatever was used in them.

        Parameters
        ----------
        time_ms
            Shape (n,): start of each hour, UTC milliseconds. Begin `warm_up_ms` early for exact smoothed temperatures.
        temperature_c
            Shape (n,), NaN where unknown: then nothing is predicted.
        """
        low, high = self.temperature_range_c_
        slot = hour_of_week(time_ms, self.calendar)
        within = np.clip(temperature_c, low - _MAX_EXTRAPOLATION_K, high + _MAX_EXTRAPOLATION_K)
        features = self._features([_smooth(within, tau) for tau in self.smoothing_h], slot)
        kwh = np.where(np.isfinite(temperature_c), self._expect(slot, features), np.nan)
        with np.errstate(invalid="ignore"):
            return Prediction(time_ms, kwh, (temperature_c < low) | (temperature_c > high))

    def to_bytes(self) -> bytes:
        """What was learnt, for the registry; opens with `from_bytes` on any machine and version of numpy."""
        return msgspec.msgpack.encode(
            _Learnt(
                format=FORMAT,
                timezone=self.calendar.timezone,
                smoothing_h=list(self.smoothing_h),
                knots_c=[knots.tolist() for knots in self.knots_c_],
                slot_kwh=self.slot_kwh_.tolist(),
                occupied=self.occupied_.tolist(),
                temperature_kwh=self.temperature_kwh_.tolist(),
                temperature_range_c=self.temperature_range_c_,
                nonnegative=self.nonnegative_,
                residuals=self.residuals_,
            )
        )

    @classmethod
    def from_bytes(cls, blob: bytes, calendar: Calendar) -> Self:
        """Baseline of a blob; `calendar` is the site's, as at the time of the fit.

        Raises
        ------
        DomainError
            The blob is not one of ours, or the site's time zone is another one now.
        """
        try:
            learnt = msgspec.msgpack.decode(blob, type=_Learnt)
        except msgspec.DecodeError as error:
            raise DomainError(f"not a {KIND} baseline: {error}") from error
        if learnt.format != FORMAT or learnt.timezone != calendar.timezone:
            raise DomainError(
                f"baseline of format {learnt.format} in {learnt.timezone}, "
                f"wanted format {FORMAT} in {calendar.timezone}: fit it again"
            )
        model = cls(calendar, tuple(learnt.smoothing_h), knots=max((len(k) for k in learnt.knots_c), default=0))
        model.knots_c_ = [np.array(knots) for knots in learnt.knots_c]
        model.slot_kwh_ = np.array(learnt.slot_kwh)
        model.occupied_ = np.array(learnt.occupied)
        model.temperature_kwh_ = np.array(learnt.temperature_kwh)
        model.temperature_range_c_ = learnt.temperature_range_c
        model.nonnegative_ = learnt.nonnegative
        model.residuals_ = learnt.residuals
        return model

    def _features(self, smoothed: list[Floats], slot: npt.NDArray[np.intp]) -> Floats:
        occupied = self.occupied_[slot][:, None]
        columns = []
        for values, knots in zip(smoothed, self.knots_c_, strict=True):
            # The first hat of each function is the slots' level already.
            hats = _hats(values, knots)[:, 1:]
            columns += [hats * occupied, hats * ~occupied]
        return np.concatenate(columns, axis=1)

    def _solve(self, slot: npt.NDArray[np.intp], features: Floats, kwh: Floats) -> tuple[Floats, Floats]:
        return _absorb(slot, features, kwh, self.slot_shrinkage, self.ridge)

    def _expect(
        self, slot: npt.NDArray[np.intp], features: Floats, learnt: tuple[Floats, Floats] | None = None
    ) -> Floats:
        slot_kwh, temperature_kwh = learnt or (self.slot_kwh_, self.temperature_kwh_)
        kwh = slot_kwh[slot] + features @ temperature_kwh
        return np.maximum(kwh, 0.0) if self.nonnegative_ else kwh

    def _cross_validate(self, time_ms: Times, slot: npt.NDArray[np.intp], features: Floats, kwh: Floats) -> Floats:
        """Every hour as expected by a fit on the other blocks of days; NaN where that is not possible."""
        known = np.isfinite(kwh) & np.isfinite(features).all(axis=1)
        block_h = min(_BLOCK_DAYS * 24, max(24, len(time_ms) // (2 * _FOLDS)))
        block = (time_ms - time_ms[0]) // (block_h * HOUR_MS)
        expected = np.full_like(kwh, np.nan)
        for fold in range(_FOLDS):
            held_out = block % _FOLDS == fold
            others = known & ~held_out
            if others.any():
                learnt = self._solve(slot[others], features[others], kwh[others])
                expected[held_out] = self._expect(slot[held_out], features[held_out], learnt)
        return expected


def _find_occupied(slot: npt.NDArray[np.intp], temperature_c: Floats, kwh: Floats) -> npt.NDArray[np.bool_]:
    """Slots in which most hours use more than degree-hours explain."""
    degrees = np.stack(
        [
            np.ones_like(temperature_c),
            np.maximum(_HEATING_BELOW_C - temperature_c, 0),
            np.maximum(temperature_c - _COOLING_ABOVE_C, 0),
        ],
        axis=1,
    )
    above = kwh > degrees @ np.linalg.lstsq(degrees, kwh, rcond=None)[0]
    seen = np.bincount(slot, minlength=SLOTS)
    return np.asarray(np.bincount(slot, above, minlength=SLOTS) > _OCCUPIED_SHARE * np.maximum(seen, 1))


def _smooth(temperature_c: Floats, tau_h: float) -> Floats:
    """Exponential smoothing that holds its value through unknown hours; the hour itself for 0."""
    known = np.isfinite(temperature_c)
    if not known.any():
        return np.full_like(temperature_c, np.nan)
    index = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    held = temperature_c[np.where(index < 0, int(np.argmax(known)), index)]
    if tau_h <= 0:
        return held
    # A recursive filter written as a convolution; what lies six time constants back weighs 0.2 %.
    kernel = np.exp(-np.arange(int(6 * tau_h) + 1) / tau_h)
    padded = np.concatenate([np.full(len(kernel) - 1, held[0]), held])
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _place_knots(values: Floats, count: int) -> Floats:
    low, high = np.quantile(values, (_EDGE_QUANTILE, 1 - _EDGE_QUANTILE))
    # A week of even weather says nothing about temperature.
    return np.linspace(low, high, count) if high - low >= _MIN_RANGE_K else np.array([low])


def _hats(values: Floats, knots: Floats) -> Floats:
    """Linear interpolation weights, shape (n, knots); linear beyond the outer knots."""
    weights = np.zeros((len(values), len(knots)))
    if len(knots) < 2:
        return weights
    left = np.clip(np.searchsorted(knots, values, side="right") - 1, 0, len(knots) - 2)
    share = (values - knots[left]) / (knots[left + 1] - knots[left])
    row = np.arange(len(values))
    weights[row, left], weights[row, left + 1] = 1 - share, share
    return weights


def _absorb(
    slot: npt.NDArray[np.intp], features: Floats, kwh: Floats, shrinkage: float, ridge: float
) -> tuple[Floats, Floats]:
    """Ridge regression on slot levels and features, the slots eliminated (Frisch-Waugh), so that it costs n·k²."""
    # Centred, so that levels are shrunk to the mean at mean temperatures and the fit as a whole stays unbiased.
    mean, centre = kwh.mean(), features.mean(axis=0)
    rest, features = kwh - mean, features - centre
    weight = np.bincount(slot, minlength=SLOTS) + shrinkage
    totals = np.zeros((SLOTS, features.shape[1]))
    for column, values in enumerate(features.T):
        totals[:, column] = np.bincount(slot, values, minlength=SLOTS)
    rest_totals = np.bincount(slot, rest, minlength=SLOTS)
    gram = features.T @ features - totals.T @ (totals / weight[:, None])
    gram += ridge * len(kwh) * np.eye(len(gram))
    coefficients = np.linalg.solve(gram, features.T @ rest - totals.T @ (rest_totals / weight))
    levels = mean - centre @ coefficients + (rest_totals - totals @ coefficients) / weight
    return _complete(levels, np.bincount(slot, minlength=SLOTS) > 0), coefficients


def _complete(levels: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Levels of slots never seen: a holiday is like a Sunday, else the mean of that hour on days that were seen."""
    complete = levels.copy()
    by_hour = np.where(seen, levels, np.nan).reshape(-1, 24)
    for slot in np.flatnonzero(~seen):
        sunday = slot - 24
        of_hour = by_hour[:, slot % 24]
        if slot >= HOLIDAY_SLOT and seen[sunday]:
            complete[slot] = levels[sunday]
        elif np.isfinite(of_hour).any():
            complete[slot] = np.nanmean(of_hour)
    return complete
