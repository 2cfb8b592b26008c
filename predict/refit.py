"""Whether a meter's baseline is fitted again, and whether the new one takes the old one's place."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar, Step
from core.config.models import Fleet, Site
from core.errors import DomainError
from core.points import Point
from predict.drift import Drift, find_drift
from predict.figures import Figures, figures
from predict.fit import Baseline, BaselineFigures, Fitted, Hours, fit_hours, open_baseline, read_hours
from predict.series import Outdoors
from stores.port import ReadingStore
from stores.registry import FittedModel, ModelRole

_DAY_MS: Final = 24 * HOUR_MS
DRIFT_PAUSE_DAYS: Final = 7
"""A drift that no challenger mends is not tried again on every run."""
MIN_HELD_OUT_H: Final = 7 * 24
"""Fewer known hours do not decide between two models."""


class Refit(StrEnum):
    """Which meters are fitted again."""

    DUE = "due"
    """Those whose time has come, that drift, or whose fixed baseline period was corrected."""
    ALWAYS = "always"
    """All of them."""
    NEVER = "never"
    """None; only meters that have no baseline yet."""


class Status(StrEnum):
    """What came of a meter."""

    FITTED = "fitted"
    """Its first baseline."""
    PROMOTED = "promoted"
    """A new baseline that took the old one's place."""
    CHALLENGED = "challenged"
    """A new baseline that was not better, so the old one stays."""
    KEPT = "kept"
    """Nothing was fitted."""
    FAILED = "failed"
    """Nothing could be fitted; the reason says why."""


class FitTask(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a worker needs to fit one meter, beside the store.

    Attributes
    ----------
    start_ms, end_ms
        Configured baseline period, None where it is open; UTC milliseconds.
    champion
        Baseline in use; None: it has none.
    last_fit_ms
        When the meter was last fitted, whatever came of it.
    """

    building: str
    meter: Point
    outdoors: Outdoors
    site: Site
    start_ms: int | None
    end_ms: int | None
    now_ms: int
    refit: Refit
    fleet: Fleet
    champion: FittedModel | None = None
    last_fit_ms: int = 0

    @property
    def is_fixed(self) -> bool:
        """Whether the baseline period is over and agreed upon: then it is never moved, only fitted again."""
        return self.end_ms is not None and self.end_ms <= self.now_ms


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker decided about one meter.

    Attributes
    ----------
    blob, period, figures
        Of the new baseline; None where nothing was fitted.
    champion_cv_rmse, challenger_cv_rmse
        On the days that neither has seen, percent.
    drift
        Of the baseline in use before; None where nobody can know.
    """

    status: Status
    reason: str
    blob: bytes | None = None
    period: tuple[int, int] | None = None
    figures: BaselineFigures | None = None
    champion_cv_rmse: float | None = None
    challenger_cv_rmse: float | None = None
    drift: Drift | None = None

    @property
    def role(self) -> ModelRole:
        """Of the new baseline."""
        return ModelRole.CHALLENGER if self.status is Status.CHALLENGED else ModelRole.CHAMPION


def decide(store: ReadingStore, task: FitTask) -> Decision:
    """Fit a meter, or leave it as it is.

    Raises
    ------
    DomainError
        Nothing is stored of the meter, its period is empty, or no hour has both energy and temperature.
    """
    calendar = task.site.calendar()
    extent = store.extent(task.meter.id)
    if extent is None:
        raise DomainError(f"{task.meter.id} has no readings to fit")
    end_ms = min(extent.last_ms + 1, task.now_ms)
    first_ms = extent.first_ms if task.start_ms is None else task.start_ms
    if task.champion is None:
        fitted = _fit(store, task, calendar, first_ms, end_ms if task.end_ms is None else task.end_ms)
        return _new(Status.FITTED, "its first baseline", fitted)
    if task.refit is Refit.NEVER:
        return Decision(status=Status.KEPT, reason=f"v{task.champion.version} stays")
    drift = _drift(store, task, task.champion, calendar, end_ms)
    if task.is_fixed:
        return _refit_fixed(store, task, task.champion, calendar, first_ms, drift)
    why = why_refit(task, drift)
    if not why:
        due_days = task.fleet.refit_every_days - (task.now_ms - task.last_fit_ms) // _DAY_MS
        return Decision(status=Status.KEPT, reason=f"due in {due_days} days", drift=drift)
    return _challenge(store, task, task.champion, calendar, first_ms, end_ms, why, drift)


def why_refit(task: FitTask, drift: Drift | None) -> str:
    """Why a baseline with an open period is challenged now; empty when it is not."""
    days = (task.now_ms - task.last_fit_ms) / _DAY_MS
    if task.refit is Refit.ALWAYS:
        return "on request"
    if days >= task.fleet.refit_every_days:
        return f"{days:.0f} days after the last fit"
    if drift is not None and drift.drifted and days >= DRIFT_PAUSE_DAYS:
        return drift.sentence
    return ""


def is_better(champion: Figures, challenger: Figures, margin_percent: float) -> bool:
    """Whether a challenger's CV(RMSE) on unseen days is lower than the champion's by the margin."""
    if challenger.cv_rmse is None:
        return False
    if champion.cv_rmse is None:
        return True
    return abs(challenger.cv_rmse) < (1 - margin_percent / 100) * abs(champion.cv_rmse)


def _refit_fixed(
    store: ReadingStore, task: FitTask, champion: FittedModel, calendar: Calendar, first_ms: int, drift: Drift | None
) -> Decision:
    """A fixed period says the same unless its data were corrected; what happened since is a saving, not a reason."""
    hours = read_hours(store, task.meter, task.outdoors, calendar, first_ms, task.end_ms or task.now_ms)
    kept = msgspec.convert(champion.figures, BaselineFigures)
    if hours.fingerprint() == kept.data_sha256 and task.refit is not Refit.ALWAYS:
        return Decision(
            status=Status.KEPT, reason="its baseline period is fixed, and its data are the same", drift=drift
        )
    why = "on request" if task.refit is Refit.ALWAYS else "the data of its fixed baseline period were corrected"
    return _new(Status.PROMOTED, why, fit_hours(hours, calendar, task.outdoors), drift=drift)


def _challenge(
    store: ReadingStore,
    task: FitTask,
    champion: FittedModel,
    calendar: Calendar,
    first_ms: int,
    end_ms: int,
    why: str,
    drift: Drift | None,
) -> Decision:
    held_ms = calendar.floor(max(end_ms - task.fleet.held_out_days * _DAY_MS, champion.end_ms), Step.HOUR)
    start_ms = max(first_ms, held_ms - task.fleet.window_days * _DAY_MS)
    if start_ms >= held_ms or held_ms >= end_ms:
        return Decision(status=Status.KEPT, reason="nothing was measured since its period to compare on", drift=drift)
    try:
        model = open_baseline(champion.blob, calendar)
    except DomainError as error:
        fitted = _fit(store, task, calendar, start_ms, end_ms)
        return _new(Status.PROMOTED, f"v{champion.version} cannot be used: {error.message}", fitted)
    hours = read_hours(store, task.meter, task.outdoors, calendar, start_ms, end_ms)
    unseen = hours.between(held_ms, end_ms)
    known = int(np.isfinite(unseen.kwh).sum())
    if known < MIN_HELD_OUT_H:
        reason = f"only {known} hours are known since its period to compare on"
        return Decision(status=Status.KEPT, reason=reason, drift=drift)
    fitted = fit_hours(hours.between(start_ms, held_ms), calendar, task.outdoors)
    old, new = (_score(one, hours, unseen) for one in (model, fitted.model))
    better = is_better(old, new, task.fleet.promote_margin_percent)
    kept = msgspec.convert(champion.figures, BaselineFigures)
    worse = bool(fitted.figures.disqualified) and not kept.disqualified
    scores = f"{_percent(new.cv_rmse)} against {_percent(old.cv_rmse)} on {task.fleet.held_out_days} unseen days"
    verdict = f"{why}: {scores}" + ("; it may claim no savings, the old one may" if better and worse else "")
    return _new(
        Status.PROMOTED if better and not worse else Status.CHALLENGED, verdict, fitted, old=old, new=new, drift=drift
    )


def _score(model: Baseline, hours: Hours, unseen: Hours) -> Figures:
    # Over all hours, so that the smoothed temperatures have warmed up.
    predicted = model.predict(hours.time_ms, hours.temperature_c, hours.irradiance_wm2).kwh
    return figures(unseen.kwh, predicted[len(predicted) - len(unseen.kwh) :])


def _drift(store: ReadingStore, task: FitTask, champion: FittedModel, calendar: Calendar, end_ms: int) -> Drift | None:
    if champion.end_ms >= end_ms:
        return None
    try:
        model = open_baseline(champion.blob, calendar)
    except DomainError:
        return None
    hours = read_hours(store, task.meter, task.outdoors, calendar, champion.end_ms - model.warm_up_ms, end_ms)
    predicted = model.predict(hours.time_ms, hours.temperature_c, hours.irradiance_wm2).kwh
    after = hours.time_ms >= champion.end_ms
    return find_drift(
        hours.time_ms[after], hours.kwh[after], predicted[after], model.residuals_, task.fleet.drift_percent
    )


def _fit(store: ReadingStore, task: FitTask, calendar: Calendar, start_ms: int, end_ms: int) -> Fitted:
    if start_ms >= end_ms:
        raise DomainError(f"the baseline period of {task.meter.id} is empty")
    return fit_hours(read_hours(store, task.meter, task.outdoors, calendar, start_ms, end_ms), calendar, task.outdoors)


def _new(
    status: Status,
    reason: str,
    fitted: Fitted,
    *,
    old: Figures | None = None,
    new: Figures | None = None,
    drift: Drift | None = None,
) -> Decision:
    return Decision(
        status=status,
        reason=reason,
        blob=fitted.model.to_bytes(),
        period=fitted.period,
        figures=fitted.figures,
        champion_cv_rmse=old.cv_rmse if old else None,
        challenger_cv_rmse=new.cv_rmse if new else None,
        drift=drift,
    )


def _percent(value: float | None) -> str:
    return "no CV(RMSE)" if value is None else f"CV(RMSE) {value:.1f} %"
