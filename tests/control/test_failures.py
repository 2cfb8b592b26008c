"""What control does when what it rests on is wrong or away; what the whole circle does is in tests/system."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from control.gather import judge_input
from control.memory import Memory
from control.strategy import decide
from control.view import MeterGap
from core.readings import Quality, Reading
from stores.registry import CommandState
from tests.control.test_loop import MINUTE, START, Rig, make_rig
from tests.control.views import COMFORT, ROME, at, gap, view, zone

__all__ = ["make_rig"]

QUARTER = 15 * MINUTE
POINT = "torino/calvino/hall/temperature"


def occupied_setpoints(*gaps: MeterGap) -> list[float]:
    """What the hall is asked for while occupied, over two weeks, with the same gap all the time."""
    memory, start_ms = Memory(), at("2026-01-12 00:00")
    asked = []
    for quarter in range(14 * 96):
        when = f"{ROME.local(start_ms + quarter * QUARTER):%Y-%m-%d %H:%M}"
        seen = view(when, zone(20.6), gaps=gaps, memory=memory)
        proposals, memory = decide(seen)
        if seen.zones[0].occupancy.is_occupied:
            asked += [p.value for p in proposals if p.point.id == zone().setpoint.id and p.value is not None]
    return asked


@pytest.mark.parametrize("predicted_too_little_by_kwh", [100.0, 100_000.0])
def test_a_model_that_drifts_costs_half_a_kelvin_and_no_comfort(predicted_too_little_by_kwh: float) -> None:
    """A baseline that says far too little shows a gap that no set-point closes: it is not chased."""
    fair, misled = occupied_setpoints(), occupied_setpoints(gap(predicted_too_little_by_kwh))
    assert len(fair) == len(misled) > 10 * 40
    assert min(misled) >= COMFORT.minimum_c
    assert max(a - b for a, b in zip(fair, misled, strict=True)) == pytest.approx(0.5)


@pytest.mark.system
@pytest.mark.usefixtures("impatient")
def test_with_the_registry_locked_nothing_is_sent_and_later_all_of_it_once(
    make_rig: Callable[..., Rig],
    tmp_path: Path,
) -> None:
    rig = make_rig()
    rig.measure(START)
    rig.say_stored(START)
    with closing(sqlite3.connect(tmp_path / "registry.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            rig.control.pump(0.2)
        assert rig.gateway.commands == []
        assert not rig.control.decisions
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    rig.settle()
    assert [command.value for command in rig.gateway.commands] == [20.5]


@pytest.mark.parametrize(
    ("quality", "believed"),
    [
        (Quality.GOOD, True),
        (Quality.UNCERTAIN_JUMP, True),
        (Quality.UNCERTAIN_STUCK, False),
        (Quality.BAD_RANGE, False),
        (Quality.BAD_SENSOR, False),
    ],
)
def test_an_implausible_reading_is_no_input(quality: Quality, *, believed: bool) -> None:
    found = judge_input(Reading(POINT, START, 21.0, quality), START, 3600)
    assert (found.value is not None) is believed
    assert believed or found.problem


def test_a_reading_from_a_clock_that_was_ahead_is_no_input() -> None:
    """Else a zone is seen as it was then, for a day, though its sensor says something else every minute."""
    reading = Reading(POINT, START + 24 * 60 * MINUTE, 21.0, Quality.UNCERTAIN_CLOCK)
    assert judge_input(reading, START, 3600).value is None
