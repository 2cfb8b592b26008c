"""Proposals before and after the policies: what is capped, what is forbidden, and what nobody may touch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.policies import FROST_C, Role, bound, heated_hours, role_of, season_of
from control.proposal import Proposal
from control.view import Heating, Season
from core.calendar import HOUR_MS
from core.points import Limits, Point
from core.policy import Bound, Holds, Permission
from core.priority import Slot
from tests.control.views import SUPPLY, setpoint

HALL, ATTIC = setpoint(), setpoint("attic")
COOLING = Point(
    "torino/calvino/hall/cooling-setpoint", "Zone_Air_Cooling_Temperature_Setpoint", "Cel", limits=Limits(18, 35, 26)
)
FAN = Point("torino/calvino/fan", "Enable_Command", "1", limits=Limits(0, 1, 0))
POINTS = [HALL, ATTIC, SUPPLY, COOLING, FAN]
FREE = Holds(Permission.ALLOWED, "DPR, record e", hours_per_day=Bound(14, "DPR, record e"), window_elapsed_h=5)
CAPPED = replace(FREE, heating_maximum_c=Bound(19.0, "ordinance 7, record o-7"))
NIGHT = replace(FREE, in_hours=False, hours_source="DPR, record e")
FORBIDDEN = replace(FREE, heating=Permission.FORBIDDEN)
UNKNOWN = replace(FREE, heating=Permission.UNKNOWN, heating_source="DPR ended")


def ask(value: float | None, point: Point = HALL, slot: Slot = Slot.SUPERVISORY) -> Proposal:
    return Proposal(point, value, "setback", "People are there.", slot=slot)


def told(proposal: Proposal, holds: Holds, *, heated_h: float | None = 3.0, occupied: bool = True) -> Proposal:
    return bound([proposal], holds, [], setback_c=16.0, is_occupied=occupied, heated_h=heated_h)[0]


@pytest.mark.parametrize(
    ("holds", "asked", "value", "record"),
    [
        (FREE, 20.5, 20.5, ""),
        (CAPPED, 20.5, 19.0, "record o-7"),
        (CAPPED, 18.0, 18.0, ""),
        (CAPPED, None, None, ""),
        (NIGHT, 20.5, 16.0, "record e"),
        (NIGHT, 12.0, 12.0, ""),
        (FORBIDDEN, 20.5, FROST_C, "record e"),
        (FORBIDDEN, None, FROST_C, "record e"),
        (FORBIDDEN, FROST_C, FROST_C, ""),
        (UNKNOWN, 20.5, None, "DPR ended"),
        (replace(CAPPED, in_hours=False, hours_source="DPR, record e"), 20.5, 16.0, "record e"),
        (replace(FREE, occupied_minimum_c=Bound(19, "rule, record h")), 16.0, 19.0, "record h"),
        (replace(CAPPED, occupied_minimum_c=Bound(20, "rule, record h")), 16.0, 19.0, "record o-7"),
    ],
)
def test_a_heating_setpoint(holds: Holds, asked: float | None, value: float | None, record: str) -> None:
    asked_for = ask(asked)
    found = told(asked_for, holds)
    assert found.value == value
    if record:
        assert record in found.why
        assert found.strategy == "policies"
    else:
        assert found == asked_for


def test_the_least_while_people_are_there_is_for_people() -> None:
    holds = replace(FREE, occupied_minimum_c=Bound(19, "rule, record h"))
    assert told(ask(16.0), holds, occupied=False).value == 16.0
    assert told(ask(16.0), replace(holds, heating=Permission.FORBIDDEN)).value == FROST_C


@pytest.mark.parametrize(
    ("heated_h", "elapsed_h", "value"), [(13.9, 18, 20.5), (14.0, 18, 16.0), (None, 13.9, 20.5), (None, 14.0, 16.0)]
)
def test_hours_a_day_end_in_the_setback(heated_h: float | None, elapsed_h: float, value: float) -> None:
    found = told(ask(20.5), replace(FREE, window_elapsed_h=elapsed_h), heated_h=heated_h)
    assert found.value == value
    assert ("14 h" in found.why) == (value == 16.0)


def test_a_person_and_protection_are_never_touched() -> None:
    for slot in (Slot.PERSON, Slot.PROTECTION):
        assert told(ask(25.0, slot=slot), FORBIDDEN) == ask(25.0, slot=slot)
    assert told(ask(25.0, slot=Slot.DEMAND_LIMIT), CAPPED).value == 19.0


def test_a_load_that_is_not_shed_leaves_the_heating_to_slot_12() -> None:
    free = ask(None, slot=Slot.DEMAND_LIMIT)
    found = bound([free], FORBIDDEN, [HALL], setback_c=16.0, is_occupied=True, heated_h=None)
    assert [(p.slot, p.value) for p in found] == [(Slot.DEMAND_LIMIT, None), (Slot.SUPERVISORY, FROST_C)]
    assert told(ask(18.0, slot=Slot.DEMAND_LIMIT), FORBIDDEN).value == FROST_C


def test_forbidden_heating_reaches_what_nobody_spoke_for() -> None:
    found = bound([ask(20.5)], FORBIDDEN, POINTS, setback_c=16.0, is_occupied=True, heated_h=None)
    assert {p.point.id: p.value for p in found} == {HALL.id: FROST_C, ATTIC.id: FROST_C, SUPPLY.id: 25.0}
    found = bound([], UNKNOWN, POINTS, setback_c=16.0, is_occupied=True, heated_h=None)
    assert {p.point.id: p.value for p in found} == {HALL.id: None, ATTIC.id: None, SUPPLY.id: None}


def test_cooling_is_not_asked_for_below_the_limit() -> None:
    holds = replace(FREE, cooling_minimum_c=Bound(24.0, "DPR, record e"))
    assert told(ask(22.0, COOLING), holds).value == 24.0
    assert told(ask(27.0, COOLING), holds).value == 27.0
    assert told(ask(22.0, COOLING), replace(holds, heating=Permission.FORBIDDEN)).value == 24.0


def test_what_is_no_setpoint_of_heating_or_cooling_passes() -> None:
    assert told(ask(1.0, FAN), FORBIDDEN) == ask(1.0, FAN)
    chilled = Point("torino/calvino/chw", "Supply_Chilled_Water_Temperature_Setpoint", "Cel", limits=Limits(5, 15, 7))
    assert (role_of(chilled), role_of(SUPPLY), role_of(HALL)) == (Role.OTHER, Role.SUPPLY, Role.HEATING)


def test_heated_hours_are_counted_from_local_midnight() -> None:
    day = 100 * HOUR_MS
    changes = [
        (day - 3 * HOUR_MS, 20.0),
        (day + 1 * HOUR_MS, 16.0),
        (day + 5 * HOUR_MS, 20.5),
        (day + 9 * HOUR_MS, 16.0),
    ]
    counted = [
        heated_hours([changes], day_start_ms=day, now_ms=day + h * HOUR_MS, setback_c=16.0) for h in (0, 4, 7, 20)
    ]
    assert counted == [0, 1, 3, 5]
    other = [(day + 4 * HOUR_MS, 21.0), (day + 6 * HOUR_MS, 12.0)]
    both = heated_hours([changes, other, []], day_start_ms=day, now_ms=day + 7 * HOUR_MS, setback_c=16.0)
    assert both == 4, "an hour in which two zones are heated is one"


@pytest.mark.parametrize(
    ("holds", "heated_h", "season"),
    [
        (FREE, 3, Season(Heating.ALLOWED, "DPR, record e")),
        (FORBIDDEN, 3, Season(Heating.FORBIDDEN, "DPR, record e")),
        (UNKNOWN, 3, Season(Heating.UNKNOWN, "DPR ended")),
        (replace(NIGHT, hours_source="night"), 3, Season(Heating.ALLOWED, "night", setback_only=True)),
        (replace(FREE, hours_per_day=Bound(14, "14 h")), 14, Season(Heating.ALLOWED, "14 h", setback_only=True)),
        (replace(FREE, window_elapsed_h=15), None, Season(Heating.ALLOWED, "DPR, record e", setback_only=True)),
    ],
)
def test_what_holds_as_the_strategies_know_it(holds: Holds, heated_h: float | None, season: Season) -> None:
    assert season_of(holds, heated_h) == season


@given(
    asked=st.none() | st.floats(5, 30), heating=st.sampled_from(Permission), in_hours=st.booleans(),
    cap=st.none() | st.floats(5, 25), least=st.none() | st.floats(15, 25), heated_h=st.none() | st.floats(0, 24),
    occupied=st.booleans(),
)  # fmt: skip
def test_never_above_what_holds_never_below_frost(
    *, asked: float | None, heating: Permission, in_hours: bool, cap: float | None, least: float | None,
    heated_h: float | None, occupied: bool,
) -> None:  # fmt: skip
    holds = replace(
        FREE, heating=heating, in_hours=in_hours, heating_maximum_c=cap and Bound(cap, "c"),
        occupied_minimum_c=least and Bound(least, "l"),
    )  # fmt: skip
    value = told(ask(asked), holds, heated_h=heated_h, occupied=occupied).value
    if heating is Permission.UNKNOWN:
        assert value is None
    elif heating is Permission.FORBIDDEN:
        assert value is not None
        assert value <= FROST_C
    elif asked is not None:
        assert value is not None
        assert value >= min(asked, FROST_C)
        if cap is not None:
            assert value <= max(cap, FROST_C)
        if not in_hours or (heated_h is not None and heated_h >= 14):
            assert value <= 16.0
