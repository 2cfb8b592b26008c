"""Trials of a building in the store: the hours of its meters, people's overrides, and the noise before the trial."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError, NotFoundError
from core.points import building_of
from core.priority import Slot
from predict.fit import champion_of, find_building, find_outdoors, find_point, latest_baseline
from predict.gap import expected_energy
from predict.series import Floats, hourly_energy, hourly_temperature
from predict.trial.evaluation import MAX_EXCLUDED, Evaluation, Override, TrialHours, evaluate
from predict.trial.power import Length, detectable_kw, needed, noise_kw
from stores.port import ReadingStore
from stores.registry import CommandRecord, CommandState, Registry, Trial, TrialPlan, TrialState, TrialUnit, settled

_PAGE: Final = 500
_USUAL_H: Final = 14 * 24
"""What is usual of a meter is what its baseline expects of the last two weeks."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a trial has shown.

    Attributes
    ----------
    trial
        As time has made it.
    meters
        By point id; never added up, since one meter may stand behind another.
    missing
        Why other meters show nothing: point id to sentence.
    """

    trial: Trial
    meters: dict[str, Evaluation]
    missing: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sharpness:
    """What a trial of a meter can show.

    Attributes
    ----------
    usual_kw, noise_kw
        Mean power of late, and standard deviation of a block's around the baseline.
    detectable
        Share that a trial of the asked length finds with `predict.trial.power.POWER`; NaN when none was asked.
    needed
        Length for the asked saving; None when there is none, or none was asked.
    """

    usual_kw: float
    noise_kw: float
    detectable: float
    needed: Length | None


def evaluate_trial(store: ReadingStore, registry: Registry, trial_id: str, *, now_ms: int) -> Evaluated:
    """Measure what a trial saved, by each meter of its building.

    Raises
    ------
    NotFoundError
        The trial or its building is not in the registry.
    """
    kept = registry.trial(trial_id)
    if kept is None:
        raise NotFoundError(f"there is no trial {trial_id[:64]!r}")
    trial = settled(kept, now_ms)
    building, calendar = find_building(registry, trial.building)
    until_ms = min(now_ms, trial.plan.end_ms, trial.ended_ms if trial.ended_ms is not None else now_ms)
    overrides = find_overrides(registry, trial.building, trial.plan.start_ms, until_ms, now_ms)
    doubts = [_open_question(trial), *_carried_out(trial.plan, find_driven(registry, trial, until_ms), until_ms)]
    question = " ".join(doubt for doubt in doubts if doubt)
    meters, missing = {}, {}
    for meter_id in building.meters:
        try:
            hours = _hours(store, registry, trial, meter_id, calendar)
            meters[meter_id] = evaluate(
                trial.plan, calendar, hours, overrides, until_ms=until_ms, open_question=question
            )
        except (DomainError, NotFoundError) as error:
            missing[meter_id] = error.message
    return Evaluated(trial, meters, missing)


def find_overrides(registry: Registry, building: str, start_ms: int, end_ms: int, now_ms: int) -> list[Override]:
    """People's entries of a building that were in force in ``[start_ms, end_ms)``."""
    followers: dict[str, int] = {}
    found: list[Override] = []
    after: int | None = None
    while True:
        page = registry.commands(building=building, slot=Slot.PERSON, limit=_PAGE, after=after)
        for record in page:
            if not _acted(record):
                continue
            command = record.command
            # Newest first: whatever was seen for this point took its place.
            ends = min(command.expires_ms, followers.get(command.point, now_ms))
            followers[command.point] = command.issued_ms
            if command.value is not None and command.issued_ms < end_ms and ends > start_ms:
                found.append(Override(command.issued_ms, ends, command.by))
        if len(page) < _PAGE:
            return found
        after = page[-1].sequence


def find_driven(registry: Registry, trial: Trial, until_ms: int) -> set[int]:
    """Numbers of the blocks in which control drove the building behind the first hours, as the registry knows it."""
    settle_ms = max(trial.plan.washout_h, 1) * HOUR_MS
    starts = [block.start_ms for block in trial.plan.blocks]
    driven: set[int] = set()
    after: int | None = None
    while True:
        page = registry.commands(building=trial.building, slot=Slot.SUPERVISORY, limit=_PAGE, after=after)
        for record in page:
            issued_ms = record.command.issued_ms
            if record.command.value is None or not _acted(record) or not starts[0] <= issued_ms < until_ms:
                continue
            number = bisect_right(starts, issued_ms) - 1
            if issued_ms >= starts[number] + settle_ms:
                driven.add(number)
        if len(page) < _PAGE or page[-1].command.issued_ms < starts[0]:
            return driven
        after = page[-1].sequence


def sharpness(
    store: ReadingStore,
    registry: Registry,
    meter_id: str,
    *,
    unit: TrialUnit,
    washout_h: int,
    now_ms: int,
    blocks: int | None = None,
    saving: float | None = None,
) -> Sharpness:
    """What a trial of a meter can show, from the errors of its baseline.

    Parameters
    ----------
    blocks
        Of the trial that is thought of.
    saving
        Share that is hoped for.

    Raises
    ------
    NotFoundError
        The meter has no baseline.
    DomainError
        The baseline expects nothing of the last two weeks, or the saving is not above nothing.
    """
    _, calendar = find_building(registry, building_of(meter_id))
    model, _ = latest_baseline(registry, meter_id, calendar)
    expected = expected_energy(
        store, registry, meter_id, calendar, start_ms=now_ms - _USUAL_H * HOUR_MS, end_ms=now_ms
    ).kwh
    usual = float(np.nanmean(expected)) if np.isfinite(expected).any() else np.nan
    if not usual > 0:
        raise DomainError(f"{meter_id}: its baseline expects no use of the last two weeks, of which something is saved")
    sigma = noise_kw(model.residuals_, unit, washout_h)
    return Sharpness(
        usual_kw=usual,
        noise_kw=sigma,
        detectable=np.nan if blocks is None else detectable_kw(sigma, blocks) / usual,
        needed=None if saving is None else needed(saving * usual, sigma, unit),
    )


def _hours(store: ReadingStore, registry: Registry, trial: Trial, meter_id: str, calendar: Calendar) -> TrialHours:
    """Hours of the whole plan; by the baseline only where it was fitted on what came before."""
    start_ms, end_ms = trial.plan.start_ms, trial.plan.end_ms
    meter = find_point(registry, meter_id, "meter")
    energy = hourly_energy(store, meter, start_ms, end_ms, calendar)
    champion = champion_of(registry, meter_id)
    if champion is not None and champion.end_ms <= start_ms:
        expected = expected_energy(store, registry, meter_id, calendar, start_ms=start_ms, end_ms=end_ms)
        return TrialHours(energy.time_ms, energy.kwh, expected_kwh=expected.kwh)
    return TrialHours(energy.time_ms, energy.kwh, _outdoors(store, registry, trial, calendar))


def _outdoors(store: ReadingStore, registry: Registry, trial: Trial, calendar: Calendar) -> Floats | None:
    building, _ = find_building(registry, trial.building)
    try:
        outdoors = find_outdoors(registry, building.outdoor_temperature, "", trial.building)
    except NotFoundError:
        return None
    return hourly_temperature(store, outdoors.temperature, trial.plan.start_ms, trial.plan.end_ms, calendar)


def _open_question(trial: Trial) -> str:
    if trial.state is TrialState.ENDED:
        return ""
    if trial.state is TrialState.ABORTED:
        return f"The trial did not run to its end: {trial.ended_why}"
    return "The trial has not ended: who looks until the figures please proves nothing."


def _carried_out(plan: TrialPlan, driven: set[int], until_ms: int) -> list[str]:
    """What was not done as it was planned."""
    done = [number for number, block in enumerate(plan.blocks) if block.end_ms <= until_ms]
    on = [number for number in done if plan.blocks[number].is_on]
    idle, stray = len([n for n in on if n not in driven]), len([n for n in done if n not in on and n in driven])
    doubts = []
    if idle > MAX_EXCLUDED * len(on):
        doubts.append(f"Control sent nothing in {idle} of {len(on)} blocks with control.")
    if stray:
        doubts.append(f"Control drove in {stray} blocks without control.")
    return doubts


def _acted(record: CommandRecord) -> bool:
    """Whether a command changed the array, as far as is known."""
    return record.state in (CommandState.APPLIED, CommandState.SENT)
