"""The forecaster of one meter: learns from its past, and says the next hours at any time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.forecast.correction import Memory, recent_means, relative_errors
from predict.forecast.days import HOURS, SATURDAY
from predict.forecast.design import History, Profiles, absolute_design, look_back, profiles, relative_design
from predict.forecast.interval import Spread
from predict.forecast.walk import (
    MIN_HOURS,
    WARM_UP_DAYS,
    Model,
    State,
    band,
    bounds,
    interval_scale,
    simple,
    walk,
    who_speaks,
)
from predict.forecast.window import open_window
from predict.series import Floats, Times

KIND: Final = "forecast"
FORMAT: Final = 1
HISTORY_DAYS: Final = 400
"""What a forecast looks back on; more is not needed."""
_MOST_WIDER: Final = 2.0
_FULL_TRUST_H: Final = 3
"""Hours of a day from which its own errors are trusted as much as they deserve."""
_TRIALS: Final = 14
_TRIAL_STEP_DAYS: Final = 5
"""Days of the past on which the second day of a forecast is tried out; five days apart meet every weekday."""


class _Learnt(msgspec.Struct, frozen=True):
    """What travels in a blob."""

    format: int
    timezone: str
    learnt_until_ms: int
    relative: list[list[float]]
    absolute: list[list[float]]
    share: float
    trust: float
    memory_weight: list[list[float]]
    memory_remaining: list[float]
    spread_power: list[list[float]]
    spread_seen: list[float]
    spread_quantile: list[list[float]]
    spread_unrest: float
    second_day: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The hours to come of a meter, as seen at `issue_ms`.

    Attributes
    ----------
    issue_ms
        UTC milliseconds; no reading of this hour or later was used.
    time_ms
        Shape (n,): start of each hour.
    kwh, p10, p90
        Shape (n,): expected energy and the edges of the 80 % interval; NaN where no reading was ever known.
    model
        Shape (n,): who spoke.
    degraded
        Shape (n,): what was missing, in words for people; empty where nothing was.
    """

    issue_ms: int
    time_ms: Times
    kwh: Floats
    p10: Floats
    p90: Floats
    model: list[Model]
    degraded: list[tuple[str, ...]]


class LoadForecaster:
    """Hourly load of one meter, one or two days ahead, with an 80 % interval.

    Two ridge regressions for every hour of the day, one of the load relative to its recent level and spread and one of
    the load itself, are refitted on the weeks before; their mixture follows their errors, the errors of the last hours
    correct the next ones, and the interval follows hits and misses. With little history simpler models speak.

    Parameters
    ----------
    calendar
        The site's: local hours and holidays.

    Attributes
    ----------
    state_ : State
        In force on the day after the last one learnt from.
    second_day_ : float
        How much larger errors are on the day after the first.
    learnt_until_ms_ : int
        End of what was learnt from, UTC milliseconds.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's signature
        """Parameters by name, as scikit-learn has it."""
        return {"calendar": self.calendar}

    def fit(self, time_ms: Times, kwh: Floats, temperature_c: Floats, irradiance_wm2: Floats | None = None) -> Self:
        """Learn from consecutive hours; never too few: what cannot be learnt is left to simpler models.

        Parameters
        ----------
        time_ms
            Shape (n,): start of each hour, UTC milliseconds.
        kwh, temperature_c, irradiance_wm2
            Shape (n,), NaN where unknown.

        Raises
        ------
        DomainError
            There is no hour at all.
        """
        if not len(time_ms):
            raise DomainError("a forecaster needs hours to learn from, known or not")
        end = int(time_ms[-1]) + HOUR_MS
        history = open_window(
            self.calendar, time_ms, kwh, temperature_c, irradiance_wm2, issue_ms=end, end_ms=end + HOUR_MS
        ).history
        self.learnt_until_ms_ = end
        self.state_ = walk(history, len(history.days) - 1 - WARM_UP_DAYS).state
        self.second_day_ = self._try_second_day(history)
        return self

    def update(self, time_ms: Times, kwh: Floats, temperature_c: Floats, irradiance_wm2: Floats | None = None) -> Self:
        """Learn again, from the history as it is now; it takes less than a second, so nothing is patched."""
        return self.fit(time_ms, kwh, temperature_c, irradiance_wm2)

    def predict(
        self,
        time_ms: Times,
        kwh: Floats,
        temperature_c: Floats,
        irradiance_wm2: Floats | None = None,
        *,
        issue_ms: int,
        hours: int = 48,
    ) -> Forecast:
        """Say the hours to come from the recent past and the weather expected.

        Parameters
        ----------
        time_ms
            Shape (n,): UTC milliseconds of the recent past, at best 400 days of it, and of the hours to come.
        kwh
            Shape (n,), NaN where unknown; from `issue_ms` on it is not looked at.
        temperature_c, irradiance_wm2
            Shape (n,), NaN where unknown; measured before the issue, expected after it; not looked at beyond it.
        issue_ms
            UTC milliseconds; the forecast begins with the hour that it lies in.
        hours
            How many.

        Raises
        ------
        DomainError
            `hours` is not positive.
        """
        if hours < 1:
            raise DomainError("a forecast has at least one hour")
        issue = issue_ms // HOUR_MS * HOUR_MS
        out_time = issue + np.arange(hours, dtype=np.int64) * HOUR_MS
        window = open_window(
            self.calendar, time_ms, kwh, temperature_c, irradiance_wm2,
            issue_ms=issue, end_ms=issue + hours * HOUR_MS, days=HISTORY_DAYS,
        )  # fmt: skip
        history = window.history
        days, load = history.days, history.load.copy()
        first = int(np.searchsorted(days.midnight_ms, issue, side="right")) - 1
        measured = np.isfinite(load)
        grids = [np.full_like(load, np.nan) for _ in range(3)]
        speaker = who_speaks(measured)[first]
        if speaker is Model.NOTHING and measured[first].any():
            speaker = Model.MEAN  # the first reading came today
        issue_hour = int(days.column[np.searchsorted(window.time_ms, issue)])
        weather = history.temperature_c, history.irradiance_wm2
        for row in range(first, len(days)):
            here = look_back(days.part(0, row + 1), load[: row + 1], *(values[: row + 1] for values in weather))
            answer = self._day(here, speaker, issue_hour if row == first else 0, row - first)
            for grid, values in zip(grids, answer, strict=True):
                grid[row] = values
            load[row] = np.where(np.isfinite(load[row]), load[row], answer[0])
        at = np.isin(window.time_ms, out_time)
        persisted = history.persisted[days.row[at]] & ~window.weather_known[at]
        filled = bool(measured[max(first - 1, 0)].sum() < MIN_HOURS)
        return Forecast(
            issue_ms=issue,
            time_ms=out_time,
            kwh=days.hours(grids[0])[at],
            p10=days.hours(grids[1])[at],
            p90=days.hours(grids[2])[at],
            model=[speaker] * hours,
            degraded=[_degraded(persisted=hour, filled=filled, speaker=speaker) for hour in persisted.tolist()],
        )

    def _day(self, h: History, speaker: Model, issue_hour: int, ahead: int) -> tuple[Floats, Floats, Floats]:
        """Forecast of the last row, whose hours before `issue_hour` are known, so many days after the issue's."""
        row = len(h.days) - 1
        near = profiles(h.filled, h.days.kind)
        low, high = bounds(h)
        wider: Floats | float = self.second_day_**ahead
        if speaker is Model.BLEND:
            recent = slice(max(row - 1, 0), row + 1)
            blend = np.clip(self._blend(h, near, recent), low[recent, None], high[recent, None])
            memory, lead = self.state_.memory, np.maximum(np.arange(HOURS) - issue_hour, 0)
            errors = relative_errors(h.load[recent], blend, h.spread[recent])
            lasting = memory.weight[lead] @ recent_means(errors)[-1, issue_hour]
            trust = self.state_.trust + (1 - self.state_.trust) * min(issue_hour / _FULL_TRUST_H, 1.0)
            predicted = np.clip(blend[-1] + trust * lasting * h.spread[row], low[row], high[row])
            wider = wider * np.sqrt(memory.remaining[lead] / memory.remaining)
        else:
            predicted = simple(h.load, near.group[row], h.days.kind[: row + 1], speaker)
        off = bool(h.days.kind[row] >= SATURDAY)
        scale = float(interval_scale(h)[row])
        spread = self.state_.spread
        if h.days.midnight_ms[row] > self.learnt_until_ms_:
            spread = replace(spread, unrest=1.0)  # that of a day long past says nothing
        return predicted, *band(spread, predicted, scale, float(low[row]), off=off, wider=wider)

    def _blend(self, h: History, near: Profiles, rows: slice) -> Floats:
        """Shape (rows, 24): both ridges, mixed."""
        s = self.state_
        relative = (relative_design(h, near)[:, rows] @ s.relative[:, :, None])[:, :, 0].T
        absolute = (absolute_design(h, near)[:, rows] @ s.absolute[:, :, None])[:, :, 0].T
        one = relative * h.spread[rows, None] + h.level[rows, None]
        return np.asarray(one + s.share * (absolute * h.scale[rows, None] - one), np.float64)

    def _try_second_day(self, h: History) -> float:
        """Ratio of the errors of the second day to the first's, over days of the recent past."""
        self.second_day_ = 1.0
        speakers = who_speaks(np.isfinite(h.load))
        power = np.zeros(2)
        last = len(h.days) - 2
        for row in range(last, max(last - _TRIALS * _TRIAL_STEP_DAYS, 0), -_TRIAL_STEP_DAYS):
            start = max(row - WARM_UP_DAYS, 0)
            load = h.load[start : row + 1].copy()
            load[row - 1 - start :] = np.nan
            for ahead, hidden in enumerate((row - 1, row)):
                here = slice(start, hidden + 1)
                seen = look_back(h.days.part(start, hidden + 1), load[: hidden + 1 - start],
                                 h.temperature_c[here], h.irradiance_wm2[here])  # fmt: skip
                predicted = self._day(seen, speakers[row - 1], 0, 0)[0]
                load[hidden - start] = predicted
                power[ahead] += float(np.nansum((h.load[hidden] - predicted) ** 2))
        return float(np.clip(np.sqrt(power[1] / power[0]), 1.0, _MOST_WIDER)) if power[0] > 0 else 1.0

    def to_bytes(self) -> bytes:
        """What was learnt, for the registry; opens with `from_bytes` on any machine and version of numpy."""
        s = self.state_
        return msgspec.msgpack.encode(
            _Learnt(
                format=FORMAT,
                timezone=self.calendar.timezone,
                learnt_until_ms=self.learnt_until_ms_,
                relative=s.relative.tolist(),
                absolute=s.absolute.tolist(),
                share=s.share,
                trust=s.trust,
                memory_weight=s.memory.weight.tolist(),
                memory_remaining=s.memory.remaining.tolist(),
                spread_power=s.spread.power.tolist(),
                spread_seen=s.spread.seen.tolist(),
                spread_quantile=s.spread.quantile.tolist(),
                spread_unrest=s.spread.unrest,
                second_day=self.second_day_,
            )
        )

    @classmethod
    def from_bytes(cls, blob: bytes, calendar: Calendar) -> Self:
        """Forecaster of a blob; `calendar` is the site's, as at the time of the fit.

        Raises
        ------
        DomainError
            The blob is not one of ours, or the site's time zone is another one now.
        """
        try:
            learnt = msgspec.msgpack.decode(blob, type=_Learnt)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DomainError(f"this is no forecaster: {error}") from error
        if learnt.format != FORMAT:
            raise DomainError(f"forecaster of format {learnt.format}, this version reads {FORMAT}: fit it again")
        if learnt.timezone != calendar.timezone:
            raise DomainError(f"forecaster of {learnt.timezone}, the site is in {calendar.timezone} now: fit it again")
        model = cls(calendar)
        model.learnt_until_ms_ = learnt.learnt_until_ms
        model.second_day_ = learnt.second_day
        model.state_ = State(
            relative=np.array(learnt.relative),
            absolute=np.array(learnt.absolute),
            share=learnt.share,
            trust=learnt.trust,
            memory=Memory(np.array(learnt.memory_weight), np.array(learnt.memory_remaining)),
            spread=Spread(
                np.array(learnt.spread_power),
                np.array(learnt.spread_seen),
                np.array(learnt.spread_quantile),
                learnt.spread_unrest,
            ),
        )
        return model


def _degraded(*, persisted: bool, filled: bool, speaker: Model) -> tuple[str, ...]:
    words = []
    if speaker is not Model.BLEND:
        words.append("little history")
    if filled and speaker is not Model.NOTHING:
        words.append("readings of the day before are missing")
    if persisted and speaker is Model.BLEND:
        words.append("no weather forecast: that of the day before")
    return tuple(words)
