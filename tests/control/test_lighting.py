"""A classroom with windows: enough light for whoever is there, less electricity, and lamps that do not hunt."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.lighting import (
    CLASSROOM,
    CLASSROOM_EVENING,
    Lamps,
    Memory,
    Room,
    full_light_lux,
    propose,
    remember,
)
from control.view import Input
from core.calendar import MINUTE_MS
from core.errors import DomainError
from core.points import Limits, Point

NOW = 1_768_400_000_000
DIMMER = Point("torino/calvino/room-1/dimmer", "Luminance_Command", "%", limits=Limits(0, 100, 100))
LAMPS = Lamps(DIMMER, CLASSROOM, full_lux=500.0)


def room(lux: Input | float, people: Input | float = 20, dim: Input | float = 0.0) -> Room:
    sensor, seen, dimmer = (v if isinstance(v, Input) else Input(v) for v in (lux, people, dim))
    return Room(NOW, sensor, seen, dimmer)


def told(now: Room, memory: Memory | None = None, lamps: Lamps = LAMPS) -> tuple[float | None, str]:
    before = memory or Memory(NOW - MINUTE_MS, NOW - MINUTE_MS)
    proposal = propose(lamps, now, remember(lamps, now, before), before)
    return proposal.value, proposal.why


@pytest.mark.parametrize(
    ("lux", "dim", "value"),
    [
        (0, 0, 63),
        (200, 0, 23),
        (285, 0, 10),
        (300, 0, 0),
        (310, 0, 0),
        (2000, 0, 0),
        (330, 20, 20),
        (400, 20, 10),
        (1000, 50, 40),
        (340, 10, 10),
        (375, 10, 10),
        (385, 10, 0),
        (250, 20, 33),
    ],
    ids=[
        "dark", "dusk", "just too dark", "bright enough", "bright", "sun", "in the band", "down by the fade",
        "sun comes", "least, in the band", "least, daylight alone not enough", "daylight alone", "a cloud",
    ],
)  # fmt: skip
def test_lamps_give_what_daylight_leaves_missing(lux: float, dim: float, value: float) -> None:
    found, why = told(room(lux, dim=dim))
    assert found == pytest.approx(value, abs=0.01)
    assert "300 lx wanted (EN 12464-1:2011, 5.36.1)" in why


def test_evening_classes_have_more() -> None:
    assert told(room(0), lamps=replace(LAMPS, target=CLASSROOM_EVENING, full_lux=700.0))[0] == pytest.approx(75)
    value, why = told(room(0), lamps=replace(LAMPS, target=CLASSROOM_EVENING, full_lux=400.0))
    assert (value, "lamps reach 400" in why) == (100, True)


@pytest.mark.parametrize(
    ("idle_min", "people", "value"), [(0, 0, 63), (14, 0, 63), (15, 0, 53), (60, 0, 53), (60, 1, 63)]
)
def test_light_stays_a_while_and_then_fades(idle_min: float, people: float, value: float) -> None:
    memory = Memory(NOW - int(idle_min * MINUTE_MS), NOW - MINUTE_MS, 315.0, 0.63)
    found, why = told(room(315, people, 63), memory)
    assert found == pytest.approx(value)
    assert ("Nobody" in why) is (value == 53)


def test_it_ends_dark_and_comes_back_at_once() -> None:
    memory = Memory(NOW - 60 * MINUTE_MS, NOW - MINUTE_MS)
    assert told(room(60, 0, 12), memory)[0] == 0
    assert told(room(0, 1, 0), memory)[0] == pytest.approx(63)


STALE = Input(None, "no reading for 75 min")


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (room(STALE), "illuminance is missing (no reading for 75 min)"),
        (room(300, STALE), "presence is missing"),
        (room(300, 1, STALE), "state of the dimmer is missing"),
        (room(-5.0), "below 0"),
    ],
)
def test_who_cannot_see_lets_go(now: Room, says: str) -> None:
    value, why = told(now)
    assert (value, says in why) == (None, True)


def test_after_a_restart_it_is_as_if_somebody_had_been_there() -> None:
    assert told(room(315, 0, 63), Memory())[0] == pytest.approx(63)


def test_a_sensor_at_the_ceiling_is_read_for_the_desks() -> None:
    assert told(room(100), lamps=replace(LAMPS, desk_per_sensor=3.0))[0] == 0
    assert told(room(50), lamps=replace(LAMPS, desk_per_sensor=3.0))[0] == pytest.approx(33)


@pytest.mark.parametrize(
    "changes", [{"full_lux": 0.0}, {"least_dim": 1.0}, {"hold_s": -1}, {"fade_down_per_min": math.nan},
                {"dimmer": Point("torino/calvino/room-1/light", "Luminance_Command", "%")}],
)  # fmt: skip
def test_lamps_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        replace(LAMPS, **changes)


@dataclass
class Day:
    """What a school day came to."""

    lux: list[float] = field(default_factory=list)
    dims: list[float] = field(default_factory=list)
    people: list[int] = field(default_factory=list)
    gain: float = 0.0

    @property
    def too_dark_min(self) -> int:
        """Minutes in which somebody had less than 95 % of the target, the one of their coming aside."""
        pairs = zip(self.lux, self.people, self.people[:1] + self.people, strict=False)
        return sum(1 for lux, now, before in pairs if now and before and lux < 0.95 * CLASSROOM.lux)

    @property
    def people_min(self) -> int:
        return sum(1 for n in self.people if n)

    @property
    def full_light_h(self) -> float:
        return sum(self.dims) / 60

    @property
    def turns(self) -> int:
        """How often the lamps turned from up to down or back by more than two hundredths."""
        steps = [b - a for a, b in pairwise(self.dims) if abs(b - a) > 0.02]
        return sum(1 for a, b in pairwise(steps) if a * b < 0)


def school_day(seed: int, *, sun_lux: float, clouds: float, gain: float = 430.0, noise: float = 4.0) -> Day:
    """From 7 to 19 h in steps of a minute; lessons with breaks, a sun behind clouds, lamps that are not as designed."""
    dice, day, dim, memory, cover = random.Random(seed), Day(), 0.0, Memory(), 1.0
    for minute in range(12 * 60):
        hour = 7 + minute / 60
        jumps = dice.random() < 0.05  # the edge of a cloud
        cover = dice.uniform(1 - clouds, 1) if jumps else cover + dice.gauss(0, 0.03) * clouds
        cover = min(max(cover, 1 - clouds), 1.0)
        daylight = sun_lux * max(0.0, math.sin(math.pi * (hour - 7) / 10)) * cover
        in_lesson = 8 <= hour < 13 and minute % 60 < 50
        people = dice.randint(15, 25) if in_lesson or 14.5 <= hour < 16 else 0
        lux = daylight + gain * dim
        now = Room(NOW + minute * MINUTE_MS, Input(max(0, lux + dice.gauss(0, noise))), Input(people), Input(100 * dim))
        before, memory = memory, remember(LAMPS, now, memory)
        asked = propose(LAMPS, now, memory, before).value
        assert asked is not None
        dim = asked / 100
        day.lux.append(daylight + gain * dim)
        day.dims.append(dim)
        day.people.append(people)
    day.gain = full_light_lux(LAMPS, memory.gains)
    return day


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000), sun=st.floats(0, 1500), clouds=st.floats(0, 0.8), gain=st.floats(350, 700),
    noise=st.floats(0, 6),
)  # fmt: skip
def test_whoever_is_there_has_light(*, seed: int, sun: float, clouds: float, gain: float, noise: float) -> None:
    day = school_day(seed, sun_lux=sun, clouds=clouds, gain=gain, noise=noise)
    assert day.too_dark_min <= 0.02 * day.people_min
    assert all(dim > 0 for lux, dim, n in zip(day.lux, day.dims, day.people, strict=True) if n and lux < 270)
    assert day.full_light_h < 10


@pytest.mark.parametrize(("sun_lux", "saves"), [(0, 0.4), (600, 0.75), (1500, 0.85)])
def test_energy_saved_against_full_light_from_8_to_18(sun_lux: float, saves: float) -> None:
    days = [school_day(seed, sun_lux=sun_lux, clouds=0.4) for seed in range(5)]
    assert sum(day.full_light_h for day in days) / 5 <= 10 * (1 - saves)


def test_lamps_do_not_hunt() -> None:
    for gain in (350.0, 430.0, 700.0):
        steady = school_day(1, sun_lux=600, clouds=0, gain=gain, noise=2)
        assert steady.turns <= 8, "on and off with people; following the sun down and up"
    assert school_day(3, sun_lux=600, clouds=0.6).turns <= 40, "the edge of a cloud comes every twenty minutes"


def test_the_gain_is_learnt_from_the_lamps_own_changes() -> None:
    for gain in (350.0, 430.0, 650.0):
        assert school_day(2, sun_lux=500, clouds=0.3, gain=gain).gain == pytest.approx(gain, rel=0.1)


def test_a_change_that_tells_nothing_is_not_learnt_from() -> None:
    before = Memory(NOW, NOW - MINUTE_MS, 300.0, 0.5)
    assert remember(LAMPS, room(305, dim=52), before).gains == ()
    assert remember(LAMPS, room(100, dim=70), before).gains == ()
    assert remember(LAMPS, room(400, dim=70), replace(before, at_ms=NOW - 10 * MINUTE_MS)).gains == ()
    assert remember(LAMPS, room(400, dim=70), before).gains == pytest.approx((500,))
    assert remember(LAMPS, room(400, dim=70), Memory()).gains == ()
