"""On/off trials: planned by lot, started and stopped by people, and evaluated."""

from __future__ import annotations

import secrets
import uuid
from datetime import date, datetime, time
from typing import Annotated, Self

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access import Operator, TheClock, TheRegistry, TheStores
from api.adjustments import Words
from api.paging import Page
from api.points import finite
from api.problems import documented
from api.routes import PREFIX, resource
from api.times import local, utc, utc_or_none
from core.calendar import Calendar
from core.errors import NotFoundError
from predict.fit import find_building
from predict.trial.evaluation import Evaluation, Saving
from predict.trial.plan import plan
from predict.trial.stored import evaluate_trial
from stores.registry import Registry, Trial, TrialBlock, TrialState, TrialUnit, settled

router = resource("trials", "/trials")

Id = Annotated[str, Path(max_length=64)]


class NewTrial(BaseModel):
    """A trial to be drawn."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "building": "torino/calvino",
                    "start": "2026-11-02",
                    "end": "2026-12-14",
                    "reason": "Does optimum start save what was promised?",
                }
            ]
        },
    )

    building: str = Field(max_length=200)
    start: date = Field(description="First local day.")
    end: date = Field(description="Local day, not included.")
    unit: TrialUnit = TrialUnit.DAY
    washout_h: int | None = Field(
        default=None, ge=0, le=84, description="First hours of a block that do not count; 6 of a day, 24 of a week."
    )
    switch_at: time = Field(default=time(), description="Local time at which a block begins.")
    seed: int | None = Field(
        default=None, ge=0, lt=2**53, description="Of the lots; drawn by default, so that nobody picks it."
    )
    reason: Words


class Stop(BaseModel):
    """Why a trial ends."""

    model_config = ConfigDict(extra="forbid")

    reason: Words


class BlockOut(BaseModel):
    """A day or week of a trial."""

    start: datetime = Field(description="Local time of the building with its offset.")
    end: datetime
    is_on: bool = Field(description="With control; else the building's own schedule drives.")
    group: int = Field(description="Blocks of a group are alike, and half of them are on.")

    @classmethod
    def of(cls, block: TrialBlock, calendar: Calendar) -> Self:
        """As the API shows it."""
        start, end = local(block.start_ms, calendar), local(block.end_ms, calendar)
        return cls(start=start, end=end, is_on=block.is_on, group=block.group)


class TrialOut(BaseModel):
    """A trial and what became of it."""

    id: str
    building: str = Field(examples=["torino/calvino"])
    state: TrialState
    unit: TrialUnit
    seed: int
    washout_h: int
    start: datetime
    end: datetime
    reason: str
    by: str = Field(description="Name of the key that planned it.", examples=["anna"])
    entered: datetime
    started_by: str
    started: datetime | None
    ended_by: str
    ended_reason: str
    ended: datetime | None
    blocks: list[BlockOut]

    @classmethod
    def of(cls, value: Trial, calendar: Calendar) -> Self:
        """As the API shows it."""
        return cls(
            id=value.id,
            building=value.building,
            state=value.state,
            unit=value.plan.unit,
            seed=value.plan.seed,
            washout_h=value.plan.washout_h,
            start=local(value.plan.start_ms, calendar),
            end=local(value.plan.end_ms, calendar),
            reason=value.why,
            by=value.by,
            entered=utc(value.entered_ms),
            started_by=value.started_by,
            started=utc_or_none(value.started_ms),
            ended_by=value.ended_by,
            ended_reason=value.ended_why,
            ended=utc_or_none(value.ended_ms),
            blocks=[BlockOut.of(block, calendar) for block in value.plan.blocks],
        )


class SavingOut(BaseModel):
    """A saving with its 90 % interval; an end is null where there are too few blocks to bound it."""

    share: float = Field(description="Of what would have been used in the hours that count; 0.1 is a tenth.")
    share_low: float | None
    share_high: float | None
    p_value: float = Field(description="How often lots alone make at least such a difference.")
    kwh: float | None = Field(description="In the hours that count of the blocks with control.")
    kwh_low: float | None
    kwh_high: float | None
    on_blocks: int
    off_blocks: int

    @classmethod
    def of(cls, saving: Saving) -> Self:
        """As the API shows it."""
        share = saving.share
        return cls(
            share=share.saved,
            share_low=finite(share.low),
            share_high=finite(share.high),
            p_value=share.p_value,
            kwh=finite(saving.saving_kwh),
            kwh_low=finite(saving.low_kwh),
            kwh_high=finite(saving.high_kwh),
            on_blocks=saving.on_blocks,
            off_blocks=saving.off_blocks,
        )


class ExcludedOut(BlockOut):
    """A block that does not count."""

    reason: str


class EvaluationOut(BaseModel):
    """What a trial has shown of one meter."""

    meter: str = Field(examples=["torino/calvino/gas"])
    may_claim: bool
    reasons: list[str] = Field(description="Why nothing may be claimed, in sentences.")
    adjusted_by: str = Field(examples=["baseline"])
    coverage: float = Field(description="Share of the hours that count in which everything needed is known.")
    saving: SavingOut | None = Field(description="Of the undisturbed blocks.")
    intention_to_treat: SavingOut | None = Field(description="Of all measured blocks, the disturbed ones too.")
    excluded: list[ExcludedOut]

    @classmethod
    def of(cls, meter: str, found: Evaluation, calendar: Calendar) -> Self:
        """As the API shows it."""
        treated = found.intention_to_treat
        return cls(
            meter=meter,
            may_claim=found.claims,
            reasons=list(found.reasons),
            adjusted_by=found.adjusted_by,
            coverage=found.coverage,
            saving=None if found.saving is None else SavingOut.of(found.saving),
            intention_to_treat=None if treated is None else SavingOut.of(treated),
            excluded=[
                ExcludedOut(**BlockOut.of(e.block, calendar).model_dump(), reason=e.reason) for e in found.excluded
            ],
        )


class EvaluationAnswer(BaseModel):
    """What a trial has shown; meters are not added up, since one may stand behind another."""

    trial: str
    state: TrialState
    meters: list[EvaluationOut]
    missing: dict[str, str] = Field(description="Meters that show nothing, and why.")


@router.get("")
def list_trials(
    registry: TheRegistry,
    clock: TheClock,
    building: Annotated[str | None, Query(examples=["torino/calvino"])] = None,
) -> Page[TrialOut]:
    """List trials in the order in which they were planned; the aborted ones stay."""
    return Page(items=[_shown(registry, value, clock.now_ms()) for value in registry.trials(building)])


@router.get("/{trial_id}", responses=documented(404))
def get_trial(trial_id: Id, registry: TheRegistry, clock: TheClock) -> TrialOut:
    """One trial with its blocks."""
    found = registry.trial(trial_id)
    if found is None:
        raise NotFoundError(f"there is no trial {trial_id!r}")
    return _shown(registry, found, clock.now_ms())


@router.post("", status_code=201, responses=documented(403, 404, 409))
def plan_trial(
    request: NewTrial, response: Response, key: Operator, registry: TheRegistry, clock: TheClock
) -> TrialOut:
    """Draw a trial by lot and keep its plan; nothing is switched before it is started."""
    _, calendar = find_building(registry, request.building)
    now_ms = clock.now_ms()
    value = Trial(
        id=uuid.uuid4().hex,
        building=request.building,
        plan=plan(
            calendar,
            request.start,
            request.end,
            unit=request.unit,
            seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
            washout_h=request.washout_h,
            switch_at=request.switch_at.replace(tzinfo=None),
        ),
        by=key.name,
        why=request.reason,
        entered_ms=now_ms,
    )
    kept = registry.enter_trial(value)
    response.headers["Location"] = f"{PREFIX}/trials/{kept.id}"
    return TrialOut.of(kept, calendar)


@router.post("/{trial_id}/start", responses=documented(403, 404, 409))
def start_trial(trial_id: Id, key: Operator, registry: TheRegistry, clock: TheClock) -> TrialOut:
    """Let a planned trial switch its building from its first block on."""
    now_ms = clock.now_ms()
    return _shown(registry, registry.start_trial(trial_id, by=key.name, now_ms=now_ms), now_ms)


@router.post("/{trial_id}/stop", responses=documented(403, 404, 409))
def stop_trial(trial_id: Id, request: Stop, key: Operator, registry: TheRegistry, clock: TheClock) -> TrialOut:
    """End a trial; before the end of its plan it is aborted, and claims nothing."""
    now_ms = clock.now_ms()
    return _shown(registry, registry.stop_trial(trial_id, by=key.name, why=request.reason, now_ms=now_ms), now_ms)


@router.get("/{trial_id}/evaluation", responses=documented(404))
def get_evaluation(trial_id: Id, registry: TheRegistry, stores: TheStores, clock: TheClock) -> EvaluationAnswer:
    """The saving that a trial has measured, by meter, or why there is none to claim."""
    found = evaluate_trial(stores.here(), registry, trial_id, now_ms=clock.now_ms())
    _, calendar = find_building(registry, found.trial.building)
    return EvaluationAnswer(
        trial=found.trial.id,
        state=found.trial.state,
        meters=[EvaluationOut.of(meter, e, calendar) for meter, e in found.meters.items()],
        missing=found.missing,
    )


def _shown(registry: Registry, value: Trial, now_ms: int) -> TrialOut:
    _, calendar = find_building(registry, value.building)
    return TrialOut.of(settled(value, now_ms), calendar)
