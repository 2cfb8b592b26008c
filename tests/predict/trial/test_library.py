"""A trial of the simulated library, from the plan to what is measured, in a real store and registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from control.trial import is_on
from core.calendar import HOUR_MS
from core.commands import Command, Outcome, Result
from core.config.models import Building, Site, SqliteStore
from core.errors import NotFoundError
from core.points import Measure, Point
from core.priority import Slot
from core.schedule import Block, Schedule
from predict.series import Floats
from predict.trial.plan import plan
from predict.trial.stored import evaluate_trial, find_overrides
from simulators import calvino
from stores.registry import Registry, Trial, TrialState, TrialUnit
from stores.sqlite import SqliteReadingStore

BUILDING = calvino.BUILDING
GAS = Point(f"{BUILDING}/gas", "Building_Gas_Meter", "kW.h", Measure.INTERVAL)
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
SETPOINT = f"{BUILDING}/hall/heating-setpoint"
CALENDAR = calvino.calendar()
FIRST = date(2026, 1, 12)
DAYS = 42
PLANNED_MS = CALENDAR.midnight(FIRST) - 7 * 24 * HOUR_MS
WITHOUT = Schedule(17.0, [Block([*calvino.WORKING_DAYS, "sat"], "07:00", "20:00", 20.5)])
WITH = Schedule(15.0, [Block([*calvino.WORKING_DAYS], "08:00", "18:00", 19.5), Block(["sat"], "09:00", "13:00", 19.5)])


@dataclass(frozen=True)
class Proven:
    """What the tests stand on."""

    store: SqliteReadingStore
    registry: Registry
    trial: Trial
    truth: float
    folder: Path


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proven]:
    folder = tmp_path_factory.mktemp("library")
    with (
        SqliteReadingStore(SqliteStore(path=str(folder / "readings.db"))) as store,
        Registry.open(f"sqlite:///{folder}/registry.db") as registry,
    ):
        registry.put_site(Site(id="torino", timezone=calvino.TIMEZONE, country="IT", extra_holidays=["06-24"]))
        registry.put_building(Building(id=BUILDING, meters=[GAS.id, "x/y/z"], outdoor_temperature=OUTDOOR.id))
        registry.declare_points("torino/cellar", [GAS, OUTDOOR], PLANNED_MS)
        made = plan(CALENDAR, FIRST, FIRST + timedelta(days=DAYS), unit=TrialUnit.DAY, seed=11)
        planned = Trial(
            id="t1", building=BUILDING, plan=made, by="anna", why="Are the shorter hours worth it?",
            entered_ms=PLANNED_MS,
        )  # fmt: skip
        registry.enter_trial(planned)
        running = registry.start_trial("t1", by="anna", now_ms=PLANNED_MS + 1)
        drive(registry, [block.start_ms for block in made.blocks if block.is_on])
        gas, outdoor = simulate(lambda now_ms: is_on(running, now_ms) is True)
        times = np.arange(PLANNED_MS, made.end_ms, HOUR_MS)
        for point, values in ((GAS, gas), (OUTDOOR, outdoor)):
            store.write([(point.id, t, v, 0) for t, v in zip(times.tolist(), values.tolist(), strict=True)])
        always, never = (simulate(lambda _, on=on: on)[0].sum() for on in (True, False))
        yield Proven(store, registry, running, float(1 - always / never), folder)


def drive(registry: Registry, starts: list[int]) -> None:
    """Commands of control, at eight hours into each block."""
    with registry.together():
        for start_ms in starts:
            issued_ms = start_ms + 8 * HOUR_MS
            command = Command(
                f"s{start_ms}", SETPOINT, Slot.SUPERVISORY, 19.5, "control", "x", issued_ms, issued_ms + HOUR_MS
            )
            registry.queue_command(command)
            registry.record_result(Result(command.id, SETPOINT, Outcome.APPLIED, issued_ms + 1))


def simulate(is_driven: Callable[[int], bool]) -> tuple[Floats, Floats]:
    """Gas and outdoor temperature by the hour, of the library with control when it is driven."""
    library = calvino.build(PLANNED_MS, seed=11, step_s=600)
    gas, outdoor = [0.0], []
    for now_ms in range(PLANNED_MS, PLANNED_MS + (DAYS + 7) * 24 * HOUR_MS, HOUR_MS):
        schedule = WITH if is_driven(now_ms) else WITHOUT
        for zone in calvino.design().zones:
            library.write(f"{zone.name}/heating-setpoint", schedule.value_at(now_ms, CALENDAR))
        library.step(now_ms + HOUR_MS)
        gas.append(library.truth().gas_kwh)
        outdoor.append(library.read("outdoor-temperature"))
    return np.diff(gas), np.array(outdoor)


def test_the_saving_that_the_trial_shows_is_the_one_that_was_made(proven: Proven) -> None:
    found = evaluate_trial(proven.store, proven.registry, "t1", now_ms=proven.trial.plan.end_ms)
    assert found.trial.state is TrialState.ENDED
    (gas,) = found.meters.values()
    assert gas.saving is not None
    share = gas.saving.share
    assert gas.claims, gas.reasons
    assert 0.1 < proven.truth < 0.4
    assert share.low <= proven.truth <= share.high
    assert share.saved == pytest.approx(proven.truth, abs=0.08)
    assert gas.adjusted_by == "weather and calendar"
    assert "x/y/z" in found.missing


def test_before_its_end_it_claims_nothing(proven: Proven) -> None:
    early = evaluate_trial(proven.store, proven.registry, "t1", now_ms=proven.trial.plan.blocks[30].start_ms)
    (gas,) = early.meters.values()
    assert early.trial.state is TrialState.RUNNING
    assert not gas.claims
    assert "has not ended" in gas.reasons[0]
    with pytest.raises(NotFoundError):
        evaluate_trial(proven.store, proven.registry, "t2", now_ms=0)


def test_a_plan_that_was_not_carried_out_claims_nothing(proven: Proven) -> None:
    plain = proven.trial.plan
    off = next(block for block in plain.blocks if not block.is_on)
    on = [block for block in plain.blocks if block.is_on]
    with Registry.open(f"sqlite:///{proven.folder}/other.db") as registry:
        registry.put_site(Site(id="torino", timezone=calvino.TIMEZONE))
        registry.put_building(Building(id=BUILDING, meters=[GAS.id], outdoor_temperature=OUTDOOR.id))
        registry.declare_points("torino/cellar", [GAS, OUTDOOR], PLANNED_MS)
        registry.enter_trial(Trial(id="t1", building=BUILDING, plan=plain, by="anna", why="x", entered_ms=PLANNED_MS))
        registry.start_trial("t1", by="anna", now_ms=PLANNED_MS)

        def reasons() -> tuple[str, ...]:
            return evaluate_trial(proven.store, registry, "t1", now_ms=plain.end_ms).meters[GAS.id].reasons

        assert reasons() == ("Control sent nothing in 21 of 21 blocks with control.",)
        drive(registry, [block.start_ms for block in on[:16]])
        assert reasons() == ()
        drive(registry, [off.start_ms])
        assert reasons() == ("Control drove in 1 blocks without control.",)


def test_a_person_who_overrides_disturbs_a_block_until_they_let_go(proven: Proven) -> None:
    block = proven.trial.plan.blocks[5]
    day_ms = 24 * HOUR_MS

    def say(name: str, value: float | None, at_ms: int, outcome: Outcome | None = Outcome.APPLIED) -> None:
        command = Command(name, SETPOINT, Slot.PERSON, value, "anna", "cold", at_ms, at_ms + 3 * day_ms)
        proven.registry.queue_command(command)
        if outcome is not None:
            proven.registry.record_result(Result(name, SETPOINT, outcome, at_ms + 1))

    say("c1", 22.0, block.start_ms + 2 * HOUR_MS)
    say("c2", None, block.start_ms + 12 * HOUR_MS)
    say("c3", 22.0, proven.trial.plan.blocks[20].start_ms, Outcome.REJECTED)
    supervisory = Command("c4", SETPOINT, Slot.SUPERVISORY, 20.0, "control", "x", block.end_ms, block.end_ms + day_ms)
    proven.registry.queue_command(supervisory)
    end_ms = proven.trial.plan.end_ms
    held = find_overrides(proven.registry, BUILDING, proven.trial.plan.start_ms, end_ms, end_ms)
    assert [(o.start_ms - block.start_ms, o.end_ms - block.start_ms, o.by) for o in held] == [
        (2 * HOUR_MS, 12 * HOUR_MS, "anna")
    ]
    found = evaluate_trial(proven.store, proven.registry, "t1", now_ms=end_ms)
    assert [(e.block, e.reason) for e in found.meters[GAS.id].excluded] == [
        (block, "anna overrode control for 42% of it.")
    ]
