"""What a trial has shown: the measured saving with its interval, which blocks count, and whether it may be claimed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.series import Floats, Times
from predict.trial.lots import DRAWS, Share, estimate, switches
from predict.trial.plan import Bools, draw
from stores.registry import TrialBlock, TrialPlan, TrialUnit

MIN_BLOCK_COVERAGE: Final = 0.8
"""A block of which less is known does not count."""
MIN_COVERAGE: Final = 0.9
MAX_OVERRIDDEN: Final = 0.1
"""A block in which a person's entry held for a longer share of its time was disturbed."""
MAX_EXCLUDED: Final = 0.25
"""When more blocks are left out, those that stay may be others than those that were drawn."""
_KNEE_C: Final = 16.0
_BLOCKS_PER_COVARIATE: Final = 6


@dataclass(frozen=True, slots=True)
class TrialHours:
    """The hours of a trial, consecutive.

    Attributes
    ----------
    time_ms
        Shape (n,): start of each hour, UTC milliseconds.
    kwh
        Shape (n,): what a meter counted, NaN where unknown.
    outdoor_c
        Shape (n,): NaN where unknown; None where nobody measures it.
    expected_kwh
        Shape (n,): by a baseline that has not seen the trial, NaN where unknown; None when there is no such.
    """

    time_ms: Times
    kwh: Floats
    outdoor_c: Floats | None = None
    expected_kwh: Floats | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """A person's entry in force, half open, UTC milliseconds."""

    start_ms: int
    end_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """A block that does not count, and why, in a sentence."""

    block: TrialBlock
    reason: str


@dataclass(frozen=True, slots=True)
class Saving:
    """A saving, measured.

    Attributes
    ----------
    share
        Of what would have been used in the hours that count.
    saving_kwh, low_kwh, high_kwh
        In the hours that count of the blocks with control; not scaled up.
    on_blocks, off_blocks
        How many were compared.
    """

    share: Share
    saving_kwh: float
    low_kwh: float
    high_kwh: float
    on_blocks: int
    off_blocks: int

    @property
    def is_saving(self) -> bool:
        """Whether the whole interval lies above nothing."""
        return self.share.low > 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a trial has shown of one meter.

    Attributes
    ----------
    adjusted_by
        ``baseline``, ``weather and calendar``, or ``calendar``.
    saving
        Of the undisturbed blocks; None when there are too few.
    intention_to_treat
        Of all blocks that were measured, the disturbed ones too: lots decide what is compared, not people.
    excluded
        Blocks that `saving` leaves out, with reasons.
    coverage
        Share of the hours that count in which everything needed is known.
    claims
        Whether the saving may be claimed.
    reasons
        Why not, in sentences.
    """

    adjusted_by: str
    saving: Saving | None
    intention_to_treat: Saving | None
    excluded: tuple[Excluded, ...]
    coverage: float
    claims: bool
    reasons: tuple[str, ...]


def evaluate(
    plan: TrialPlan,
    calendar: Calendar,
    hours: TrialHours,
    overrides: Sequence[Override] = (),
    *,
    until_ms: int | None = None,
    open_question: str = "",
) -> Evaluation:
    """Measure the saving of a trial; pure.

    Parameters
    ----------
    plan
        As it was frozen.
    calendar
        Of the site, for closed days.
    hours
        Of the whole plan, or as far as it went.
    overrides
        Of people, on points that control drives.
    until_ms
        Blocks that end later are not looked at; all by default.
    open_question
        Why nothing may be claimed whatever the figures are, for example because the trial still runs.
    """
    columns, adjusted_by = _columns(calendar, hours)
    known = np.isfinite(hours.kwh) & np.all(np.isfinite(columns), axis=1)
    done = [i for i, block in enumerate(plan.blocks) if until_ms is None or block.end_ms <= until_ms]
    power, means, share = _by_block(plan, hours, columns, known)
    measured = np.zeros(len(plan.blocks), bool)
    measured[done] = share[done] >= MIN_BLOCK_COVERAGE
    disturbed = {i: why for i in done if (why := _disturbance(plan.blocks[i], overrides))}
    undisturbed = measured.copy()
    undisturbed[list(disturbed)] = False
    draws = draw([b.group for b in plan.blocks], np.random.default_rng([plan.seed, 1]), DRAWS)
    reasons = [open_question] if open_question else []
    found: dict[str, Saving | None] = {}
    for name, chosen in (("saving", undisturbed), ("intention_to_treat", measured)):
        try:
            found[name] = _saving(plan, hours, known, (power, means, draws), chosen)
        except DomainError as error:
            found[name] = None
            reasons.append(f"Nothing can be compared: {error.message}.")
    excluded = [
        Excluded(plan.blocks[i], disturbed.get(i) or f"Only {share[i]:.0%} of its hours are known.")
        for i in done
        if not undisturbed[i]
    ]
    coverage = float(np.mean(share[done])) if done else 0.0
    reasons += _doubts(found["saving"], found["intention_to_treat"], len(excluded) / max(len(done), 1), coverage)
    return Evaluation(
        adjusted_by=adjusted_by,
        saving=found["saving"],
        intention_to_treat=found["intention_to_treat"],
        excluded=tuple(excluded),
        coverage=coverage,
        claims=not reasons,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def _doubts(saving: Saving | None, treated: Saving | None, excluded: float, coverage: float) -> list[str]:
    """Why a saving may not be claimed."""
    doubts = []
    if coverage < MIN_COVERAGE:
        doubts.append(f"Only {coverage:.0%} of the hours that count are known.")
    if excluded > MAX_EXCLUDED:
        doubts.append(f"{excluded:.0%} of the blocks do not count.")
    if saving is not None and not saving.is_saving:
        share = saving.share
        if not math.isfinite(share.low) or not math.isfinite(share.high):
            doubts.append("There are too few blocks to bound the saving.")
        elif share.high < 0:
            doubts.append(f"With control {-share.saved:.1%} more was used.")
        else:
            doubts.append(
                f"The interval from {share.low:+.1%} to {share.high:+.1%} holds nothing saved: lots alone explain it."
            )
    elif saving is not None and treated is not None and not treated.is_saving:
        doubts.append("With the disturbed blocks counted as they were drawn, nothing saved is possible.")
    return doubts


def _columns(calendar: Calendar, hours: TrialHours) -> tuple[Floats, str]:
    """What use depends on beside control, shape (n, k), the most important first."""
    if hours.expected_kwh is not None:
        return hours.expected_kwh[:, None], "baseline"
    days = [calendar.day_of(t) for t in hours.time_ms.tolist()]
    closed = np.array([not calendar.is_working_day(day) for day in days], np.float64)
    after = np.array([not calendar.is_working_day(day - timedelta(days=1)) for day in days], np.float64)
    saturday = np.array([day.weekday() == 5 for day in days], np.float64)
    if hours.outdoor_c is None:
        return np.column_stack([closed, saturday, after]), "calendar"
    warm = np.maximum(hours.outdoor_c - _KNEE_C, 0.0)
    return (
        np.column_stack([hours.outdoor_c, closed, _day_before(hours.outdoor_c), saturday, after, warm]),
        "weather and calendar",
    )


def _day_before(values: Floats) -> Floats:
    """Mean of the 24 hours before each hour, as far as there are any: what walls remember of the weather."""
    known = np.isfinite(values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(x)]) for x in (np.where(known, values, 0.0), known))
    first = np.maximum(np.arange(len(values)) - 24, 0)
    count = counts[:-1] - counts[first]
    return np.where(count > 0, (sums[:-1] - sums[first]) / np.maximum(count, 1), values)


def _by_block(plan: TrialPlan, hours: TrialHours, columns: Floats, known: Bools) -> tuple[Floats, Floats, Floats]:
    """Mean power and covariates of each block over its known hours that count, and the share of them that is known."""
    power, share = np.full(len(plan.blocks), np.nan), np.zeros(len(plan.blocks))
    means = np.full((len(plan.blocks), columns.shape[1]), np.nan)
    for i, block in enumerate(plan.blocks):
        counts = _counts(plan, block, hours.time_ms)
        here = counts & known
        length_h = (block.end_ms - block.start_ms) / HOUR_MS - plan.washout_h
        share[i] = min(here.sum() / max(math.floor(length_h), 1), 1.0)
        if here.any():
            power[i], means[i] = hours.kwh[here].mean(), columns[here].mean(axis=0)
    return power, means, share


def _counts(plan: TrialPlan, block: TrialBlock, time_ms: Times) -> Bools:
    """Hours of a block that lie behind its wash-out."""
    return (time_ms >= block.start_ms + plan.washout_h * HOUR_MS) & (time_ms + HOUR_MS <= block.end_ms)


def _saving(
    plan: TrialPlan, hours: TrialHours, known: Bools, of_blocks: tuple[Floats, Floats, Bools], chosen: Bools
) -> Saving:
    power, means, draws = of_blocks
    is_on = np.array([block.is_on for block in plan.blocks])
    many = int(chosen.sum())
    if many < 4:
        raise DomainError("fewer than two blocks with control, or without")
    # Few blocks bear few covariates.
    bearable = means[chosen][:, : max(many // _BLOCKS_PER_COVARIATE, 1)]
    # A day remembers the day before; of a week the wash-out takes that part away.
    switched = (switches(is_on)[chosen], switches(draws)[:, chosen]) if plan.unit is TrialUnit.DAY else None
    share = estimate(power[chosen], bearable, is_on[chosen], draws[:, chosen], switched)
    used = sum(
        float(hours.kwh[_counts(plan, block, hours.time_ms) & known].sum())
        for block, counts in zip(plan.blocks, chosen.tolist(), strict=True)
        if counts and block.is_on
    )

    def kwh(saved: float) -> float:
        return used * saved / (1 - saved) if -math.inf < saved < 1 else math.copysign(math.inf, saved)

    on_blocks = int((chosen & is_on).sum())
    return Saving(share, kwh(share.saved), kwh(share.low), kwh(share.high), on_blocks, many - on_blocks)


def _disturbance(block: TrialBlock, overrides: Sequence[Override]) -> str:
    """Who held something by hand for too long in a block, empty for nobody."""
    spans = sorted(
        (max(o.start_ms, block.start_ms), min(o.end_ms, block.end_ms), o.by)
        for o in overrides
        if o.start_ms < block.end_ms and o.end_ms > block.start_ms
    )
    held_ms, reached = 0, block.start_ms
    for start, end, _ in spans:
        held_ms += max(end - max(start, reached), 0)
        reached = max(reached, end)
    share = held_ms / (block.end_ms - block.start_ms)
    if share <= MAX_OVERRIDDEN:
        return ""
    people = ", ".join(dict.fromkeys(by for _, _, by in spans))
    return f"{people} overrode control for {share:.0%} of it."
