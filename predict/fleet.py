"""Baselines for the whole city: every meter fitted or refitted where there is room, kept in the registry from here."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from core.clock import monotonic_s
from core.config.models import Building, Fleet, Store
from core.errors import ConflictError, DomainError, NotFoundError, PromessaError
from core.points import Point
from predict.crew import run
from predict.drift import Drift
from predict.fit import BaselineFigures, champion_of, keep_blob, last_fit_ms
from predict.refit import Decision, FitTask, Refit, Status, decide
from predict.series import Outdoors
from stores.readings import open_store
from stores.registry import Registry


class FitRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one meter.

    Attributes
    ----------
    version, figures
        Of the baseline that was fitted, or of the one that stays; None where there is none.
    champion_cv_rmse, challenger_cv_rmse
        On the days that neither has seen, percent, where they were compared.
    drift
        Of the baseline that was in use.
    cpu_s, wall_s
        What the meter took, reading included; seconds.
    memory_mb
        Largest resident size of its worker up to then, megabytes.
    """

    building: str
    meter: str
    status: Status
    reason: str
    version: int | None = None
    figures: BaselineFigures | None = None
    champion_cv_rmse: float | None = None
    challenger_cv_rmse: float | None = None
    drift: Drift | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    memory_mb: float = 0.0


class Outcome(msgspec.Struct, frozen=True):
    """What a worker sends back: a decision, or why there is none, and what it cost."""

    decision: Decision | None
    error: str
    cpu_s: float
    wall_s: float
    memory_mb: float


def fit_fleet(
    registry: Registry,
    store: Store,
    buildings: Sequence[Building],
    fleet: Fleet,
    *,
    now_ms: int,
    refit: Refit = Refit.DUE,
    by: str = "fleet",
    on_row: Callable[[FitRow], object] | None = None,
) -> list[FitRow]:
    """Fit every meter of some buildings; rows in the order of the buildings and their meters.

    Workers open the store themselves and send back a few kilobytes for each meter, so memory does not grow with the
    city; only this process writes to the registry. A meter that fails is a row, also when it takes its worker along.

    Parameters
    ----------
    store
        Where workers find the readings.
    refit
        Which meters that have a baseline are fitted again.
    by
        Who is named in the history of the models.
    on_row
        Called here for every meter that is done, in any order.

    Raises
    ------
    ConfigError, UnavailableError
        The backend is not there.
    StoreError
        The registry does not answer.
    """
    tasks, rows = plan(registry, buildings, fleet, now_ms=now_ms, refit=refit)
    tell = on_row or (lambda _: None)
    for row in rows.values():
        tell(row)
    load = partial(_with_champion, registry)
    for index, outcome, reason in run(partial(fit_chunk, store), tasks, fleet, load):
        row = _keep(registry, tasks[index], outcome, reason, by)
        rows[row.building, row.meter] = row
        tell(row)
    return [rows[building.id, meter] for building in buildings for meter in building.meters]


def plan(
    registry: Registry, buildings: Sequence[Building], fleet: Fleet, *, now_ms: int, refit: Refit
) -> tuple[list[FitTask], dict[tuple[str, str], FitRow]]:
    """Tasks for the meters that can be tried, and rows for those that cannot, by building and meter."""
    sites = {site.id: site for site in registry.sites()}
    points = {point.id: point for point in registry.points()}
    tasks: list[FitTask] = []
    rows: dict[tuple[str, str], FitRow] = {}
    for building in buildings:
        for meter_id in building.meters:
            try:
                site = sites.get(building.id.partition("/")[0])
                if site is None:
                    raise NotFoundError(f"the site of {building.id} is not in the registry")
                calendar = site.calendar()
                start, end = building.baseline_start, building.baseline_end
                task = FitTask(
                    building=building.id,
                    meter=_point(points, meter_id, f"meter of {building.id}"),
                    outdoors=Outdoors(
                        _point(points, building.outdoor_temperature, f"outdoor temperature of {building.id}"),
                        _point(points, building.solar_irradiance, f"solar irradiance of {building.id}")
                        if building.solar_irradiance
                        else None,
                    ),
                    site=site,
                    start_ms=None if start is None else calendar.midnight(start),
                    end_ms=None if end is None else calendar.midnight(end),
                    now_ms=now_ms,
                    refit=refit,
                    fleet=fleet,
                )
            except PromessaError as error:
                rows[building.id, meter_id] = _failed(building.id, meter_id, error.message)
            else:
                tasks.append(task)
    return tasks, rows


def fit_chunk(store: Store, tasks: list[FitTask]) -> list[Outcome]:
    """What a worker does with some meters; never raises."""
    try:
        with open_store(store) as opened:
            return [_try(lambda task=task: decide(opened, task)) for task in tasks]  # type: ignore[misc]
    except PromessaError as error:
        message = error.message
        return [Outcome(None, message, 0.0, 0.0, _memory_mb()) for _ in tasks]


def _try(fit: Callable[[], Decision]) -> Outcome:
    cpu_s, wall_s = time.thread_time(), monotonic_s()
    decision, error = None, ""
    try:
        decision = fit()
    except PromessaError as known:
        error = known.message
    except Exception as unknown:  # noqa: BLE001 - one meter must not take the city with it; the row says what it was
        error = f"{type(unknown).__name__}: {unknown}"
    return Outcome(decision, error, time.thread_time() - cpu_s, monotonic_s() - wall_s, _memory_mb())


def _with_champion(registry: Registry, task: FitTask) -> FitTask:
    return msgspec.structs.replace(
        task,
        champion=champion_of(registry, task.meter.id),
        last_fit_ms=last_fit_ms(registry, task.meter.id),
    )


def _keep(registry: Registry, task: FitTask, outcome: Outcome | None, reason: str, by: str) -> FitRow:
    if outcome is None or outcome.decision is None:
        row = _failed(task.building, task.meter.id, reason if outcome is None else outcome.error)
        return row if outcome is None else _with_cost(row, outcome)
    decided = outcome.decision
    row = FitRow(
        building=task.building,
        meter=task.meter.id,
        status=decided.status,
        reason=decided.reason,
        champion_cv_rmse=decided.champion_cv_rmse,
        challenger_cv_rmse=decided.challenger_cv_rmse,
        drift=decided.drift,
        figures=decided.figures,
    )
    if decided.blob is None or decided.period is None or decided.figures is None:
        champion = champion_of(registry, task.meter.id)
        if champion is not None:
            kept = msgspec.convert(champion.figures, BaselineFigures)
            row = msgspec.structs.replace(row, version=champion.version, figures=kept)
        return _with_cost(row, outcome)
    try:
        record = keep_blob(
            registry, task.meter.id, decided.blob, decided.period, decided.figures, role=decided.role, by=by,
            reason=decided.reason, now_ms=task.now_ms,
        )  # fmt: skip
    except (ConflictError, DomainError) as error:
        return _with_cost(_failed(task.building, task.meter.id, error.message), outcome)
    return _with_cost(msgspec.structs.replace(row, version=record.version), outcome)


def _point(points: dict[str, Point], point_id: str, what: str) -> Point:
    point = points.get(point_id)
    if point is None:
        raise NotFoundError(f"{what}: point {point_id or '(none configured)'} is not in the registry")
    return point


def _failed(building: str, meter: str, reason: str) -> FitRow:
    return FitRow(building=building, meter=meter, status=Status.FAILED, reason=reason)


def _with_cost(row: FitRow, outcome: Outcome) -> FitRow:
    return msgspec.structs.replace(row, cpu_s=outcome.cpu_s, wall_s=outcome.wall_s, memory_mb=outcome.memory_mb)


def _memory_mb() -> float:
    try:
        # The highest of this process alone; rusage also knows that of the process it was forked from.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024
    except (OSError, ValueError, IndexError):
        scale = 1024**2 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
