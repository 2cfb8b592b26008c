"""Air systems: run for people, bring them their outdoor air, and no colder than they have to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.memory import Memory, Running
from control.strategies import fans, supply_air, ventilation
from control.strategy import decide
from control.view import AirHabit, AirSystem, BuildingView, Habit, Heating, Input, Occupancy, Zone
from core.calendar import MINUTE_MS
from tests.control.views import FAN, MISSING, OUTDOOR_AIR, SUPPLY_AIR, at, setpoint, view, zone

NOW = "2026-01-14 12:00"
NOW_MS = at(NOW)
NIGHT = "2026-01-14 02:00"
NAMES = ("hall", "offices")


def room(
    share: float | None = 0.5,
    temperature: Input | float = 21.0,
    *,
    name: str = "hall",
    occupied: bool | None = None,
    peak: float = 20.0,
    area: float | None = 100.0,
    cooling_c: float | None = 24.0,
) -> Zone:
    there = bool(share) if occupied is None else occupied
    made = zone(temperature, name=name, occupancy=Occupancy(there, None, share))
    return replace(made, habit=Habit(None, cooling_c, 27.0, 0.1), people_peak=peak, floor_area_m2=area)


AHU = AirSystem(
    "ahu", tuple(f"torino/calvino/{name}" for name in NAMES), FAN, OUTDOOR_AIR, SUPPLY_AIR,
    flow_now=Input(2.0), habit=AirHabit(flow=2.0, outdoor_air=0.6, supply_c=13.0),
)  # fmt: skip


def seen(
    *rooms: Zone,
    system: AirSystem = AHU,
    when: str = NOW,
    outdoor: Input | float = 5.0,
    memory: Memory | None = None,
    season: Heating = Heating.ALLOWED,
) -> BuildingView:
    return replace(view(when, *rooms, outdoor=outdoor, memory=memory, season=season), air=(system,))


def told(observed: BuildingView) -> dict[str, float | None]:
    return {p.point.id: p.value for p in decide(observed)[0]}


def running(*, on: bool, minutes: int = 60, preheating: bool = False) -> Memory:
    state = {"ahu": Running(on, NOW_MS - minutes * MINUTE_MS)}
    return Memory(fans=state, preheating={setpoint().id: NOW_MS} if preheating else {})


EMPTY = room(0.0)


@pytest.mark.parametrize(
    ("rooms", "memory", "on"),
    [
        ((room(0.5), EMPTY), running(on=False, minutes=1), True),
        ((EMPTY,), running(on=True), False),
        ((EMPTY,), running(on=True, minutes=19), True),
        ((EMPTY,), running(on=True, minutes=20), False),
        ((EMPTY,), running(on=False, minutes=1, preheating=True), True),
        ((room(0.0, 15.7),), running(on=False), True),
        ((room(0.0, 15.9),), running(on=False), False),
        ((room(0.0, 15.7),), running(on=False, minutes=19), False),
        ((room(0.0, 16.9),), running(on=True), True),
        ((room(0.0, 17.1),), running(on=True), False),
        ((room(0.0, 27.3),), running(on=False), True),
        ((room(0.0, 27.1),), running(on=False), False),
        ((room(0.0, 26.1),), running(on=True), True),
        ((room(0.0, 25.9),), running(on=True), False),
        ((EMPTY,), Memory(), False),
        ((room(0.0, MISSING), room(0.0, 15.0, name="offices")), running(on=False), True),
        ((EMPTY,), running(on=True, minutes=-60), False),
    ],
    ids=[
        "people at once", "nobody", "shortest run", "run long enough", "warm-up at once", "too cold", "cold enough",
        "shortest pause", "warms up", "warmed", "too hot", "hot enough", "cools down", "cooled", "first decision",
        "one zone is enough to see", "the clock was set back",
    ],
)  # fmt: skip
def test_a_fan_runs_when_it_has_to(*, rooms: tuple[Zone, ...], memory: Memory, on: bool) -> None:
    observed = seen(*rooms, memory=memory)
    after = fans.remember(observed)
    assert after.fans["ahu"].is_on is on
    (proposal,) = fans.propose(replace(observed, memory=after))
    assert (proposal.value, bool(proposal.why)) == (float(on), True)


def test_a_cold_zone_is_no_reason_outside_the_heating_season() -> None:
    observed = seen(room(0.0, 12.0), memory=running(on=False), season=Heating.FORBIDDEN)
    assert not fans.remember(observed).fans["ahu"].is_on


def test_a_fan_in_its_shortest_pause_does_not_say_that_nothing_needs_it() -> None:
    observed = seen(room(0.0, 12.0), memory=running(on=False, minutes=5))
    (proposal,) = fans.propose(replace(observed, memory=fans.remember(observed)))
    assert (proposal.value, "shortest pause" in proposal.why) == (0.0, True)


moments = st.lists(
    st.tuples(st.integers(1, 25), st.booleans(), st.booleans(), st.none() | st.floats(10, 35)), min_size=1, max_size=25
)


@given(moments=moments)
def test_no_fan_rests_with_people_there_and_it_keeps_its_shortest_run_and_pause(
    moments: list[tuple[int, bool, bool, float | None]],
) -> None:
    now_ms, memory = NOW_MS, Memory()
    for minutes, there, warming, temperature in moments:
        now_ms += minutes * MINUTE_MS
        rooms = (
            room(0.5 if there else 0.0, MISSING if temperature is None else temperature),
            room(0.0, 20.0, name="x"),
        )
        preheating = {setpoint().id: now_ms} if warming else {}
        observed = replace(seen(*rooms, memory=replace(memory, preheating=preheating)), now_ms=now_ms)
        before, memory = memory.fans.get("ahu"), fans.remember(observed)
        (proposal,) = fans.propose(replace(observed, memory=memory))
        if temperature is None:
            assert proposal.value is None
            continue
        after = memory.fans["ahu"]
        assert proposal.value == float(after.is_on)
        assert after.is_on or not (there or warming)
        if before is not None and before.is_on != after.is_on and not (there or warming):
            least_ms = fans.MIN_RUN_MS if before.is_on else fans.MIN_PAUSE_MS
            assert now_ms - before.since_ms >= least_ms
        assert after.since_ms == (before.since_ms if before and before.is_on == after.is_on else now_ms)


@pytest.mark.parametrize(
    ("peak", "area", "expected"),
    [
        (25.0, 100.0, (5.0, 60.0)), (15.0, 100.0, (3.8, 60.0)), (5.0, 100.0, (2.5, 30.0)), (20.0, None, (2.8, 56.0)),
        (20.0, 100.0, (5.0, 60.0)), (10.0, 100.0, (2.5, 30.0)),
    ],
)  # fmt: skip
def test_rates_by_how_densely_a_zone_is_used(peak: float, area: float | None, expected: tuple[float, float]) -> None:
    assert ventilation.rates(peak, area) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("zone", "now", "most"),
    [
        (room(0.0), 0.0, 160.0),
        (room(0.25), 85.0, 160.0),
        (room(1.0), 160.0, 160.0),
        (room(None, occupied=True), 160.0, 160.0),
        (room(None, occupied=False), 0.0, 160.0),
        (room(0.05, occupied=False), 65.0, 160.0),
        (room(None, occupied=True, peak=0.0), 30.0, 30.0),
        (room(None, occupied=False, peak=0.0), 0.0, 30.0),
    ],
    ids=[
        "nobody", "a quarter", "all", "number unknown", "number unknown, empty", "a few left", "nobody counts",
        "nobody counts, empty",
    ],
)  # fmt: skip
def test_what_people_need(zone: Zone, now: float, most: float) -> None:
    assert ventilation.need(zone) == pytest.approx((now, most))


shares = st.none() | st.floats(0, 1)
rooms = st.builds(
    room, shares, st.floats(10, 35) | st.just(MISSING), occupied=st.booleans(),
    peak=st.just(0.0) | st.floats(1, 300), area=st.none() | st.floats(5, 3000),
)  # fmt: skip
pairs = st.tuples(rooms, rooms).map(lambda two: tuple(replace(z, name=n) for z, n in zip(two, AHU.zones, strict=True)))
habits = st.builds(
    AirHabit, st.none() | st.floats(0.01, 20), st.none() | st.floats(0.001, 10), st.none() | st.floats(10, 22),
    st.none() | st.just(0.0) | st.floats(0.01, 1),
)  # fmt: skip
flows = st.just(MISSING) | st.floats(0, 20).map(Input)


def are_there(zone: Zone) -> bool:
    share = zone.occupancy.share
    return zone.occupancy.is_occupied if share is None or zone.people_peak <= 0 else share > 0


@given(pair=pairs, habit=habits, flow=flows, outdoor=st.floats(-20, 40) | st.just(MISSING), supply=st.booleans())
def test_people_always_get_the_ratio_of_their_need_and_only_nobody_gets_none(
    *, pair: tuple[Zone, Zone], habit: AirHabit, flow: Input, outdoor: float | Input, supply: bool
) -> None:
    system = replace(AHU, habit=habit, flow_now=flow, supply=SUPPLY_AIR if supply else None)
    observed = seen(*pair, system=system, outdoor=outdoor)
    (proposal,) = ventilation.propose(observed)
    somebody = any(are_there(zone) for zone in pair)
    if proposal.value is None:
        return
    assert 0 <= proposal.value <= 1
    assert (proposal.value > 0) == somebody
    assert any(zone.temperature.value is not None for zone in pair)
    if somebody:
        needs = [ventilation.need(zone) for zone in pair]
        ratio = sum(now for now, _ in needs) / sum(most for _, most in needs)
        moved = max(flow.value or 0.0, habit.flow or 0.0)
        own = habit.outdoor_share
        if own is None:
            assert habit.outdoor_air is not None
            own = habit.outdoor_air / moved
        assert proposal.value >= min(own * ratio, 1.0) * (1 - 1e-9)


@pytest.mark.parametrize(
    ("rooms", "system"),
    [
        ((room(0.5),), replace(AHU, habit=AirHabit(2.0, None, 13.0))),
        ((room(0.5),), replace(AHU, habit=AirHabit(None, 0.6, 13.0), flow_now=MISSING)),
        ((room(None, occupied=True, peak=0.0, area=None),), AHU),
        ((room(None, occupied=True, peak=0.0, area=None), room(0.5, name="offices")), AHU),
        ((room(0.5, MISSING),), AHU),
        ((room(0.0, MISSING),), AHU),
    ],
    ids=["habit unknown", "flow unknown", "nobody counts", "one uncounted", "blind", "blind at night"],
)
def test_what_people_need_is_left_to_the_system_when_it_is_not_known(
    rooms: tuple[Zone, ...], system: AirSystem
) -> None:
    (proposal,) = ventilation.propose(seen(*rooms, system=system))
    assert proposal.value is None


@pytest.mark.parametrize(
    ("outdoor", "temperature", "supply", "value"),
    [
        (5.0, 21.0, True, 0.531),
        (12.9, 21.0, True, 1.0),
        (20.0, 21.0, True, 0.211),
        (MISSING, 21.0, True, 0.211),
        (15.0, 23.6, False, None),
        (15.0, 23.0, False, 0.211),
        (22.0, 23.6, False, 0.211),
    ],
    ids=[
        "mixes to its set-point", "all of it", "too warm outside", "weather unknown", "its own economizer",
        "not warm enough to cool", "no cooler outside",
    ],
)  # fmt: skip
def test_free_cooling_only_where_it_helps(
    *, outdoor: float | Input, temperature: float, supply: bool, value: float | None
) -> None:
    system = AHU if supply else replace(AHU, supply=None)
    observed = seen(room(0.5, temperature), system=system, outdoor=outdoor)
    # Half of the people need 110 of 160 l/s, all of them 0.6 of 2.0: 0.3 * 110 / 160 and the margin.
    (proposal,) = ventilation.propose(observed)
    assert proposal.value == (None if value is None else pytest.approx(value, abs=0.001))


def test_no_free_cooling_for_nobody() -> None:
    (proposal,) = ventilation.propose(seen(room(0.0, 30.0), outdoor=12.0))
    assert proposal.value == 0.0


@pytest.mark.parametrize(
    ("temperatures", "before", "after"),
    [
        ((21.0, 21.0), 14.0, 14.5),
        ((21.0, 21.0), 17.9, 18.0),
        ((23.8, 21.0), 16.0, 15.0),
        ((24.4, 21.0), 16.0, 14.0),
        ((24.4, 24.4), 17.0, 14.0),
        ((24.4, 24.4), 14.0, 13.0),
        ((MISSING, 21.0), 14.0, 14.5),
    ],
    ids=["trims", "no warmer than", "one asks", "one asks twice", "bounded", "no colder than its own", "one unseen"],
)
def test_trim_and_respond(temperatures: tuple[float | Input, float], before: float, after: float) -> None:
    pair = [room(0.5, t, name=n) for t, n in zip(temperatures, NAMES, strict=True)]
    observed = seen(*pair, memory=Memory(supply_air={"ahu": before}))
    assert supply_air.remember(observed).supply_air == {"ahu": after}


@given(
    pair=pairs, habit=habits, flow=flows, outdoor=st.floats(-20, 40) | st.just(MISSING),
    before=st.none() | st.floats(0, 40),
)  # fmt: skip
def test_supply_air_is_never_warmer_than_the_mixed_air_nor_colder_than_the_systems_own(
    pair: tuple[Zone, Zone], habit: AirHabit, flow: Input, outdoor: float | Input, before: float | None
) -> None:
    memory = Memory(supply_air={} if before is None else {"ahu": before})
    observed = seen(*pair, system=replace(AHU, habit=habit, flow_now=flow), outdoor=outdoor, memory=memory)
    observed = replace(observed, memory=supply_air.remember(observed))
    (proposal,) = supply_air.propose(observed)
    if proposal.value is not None:
        mixed = supply_air.mixed_c(observed, observed.air[0])
        assert mixed is not None
        assert habit.supply_c is not None
        assert habit.supply_c <= proposal.value <= min(supply_air.WARMEST_C, mixed) + 1e-9


@pytest.mark.parametrize(
    ("outdoor", "own_c", "value"),
    [(5.0, 13.0, 15.4), (-10.0, 10.0, 10.8), (-10.0, 13.0, None), (25.0, 13.0, 17.5), (MISSING, 13.0, None)],
    ids=["its mixed air", "cold mixed air", "its own is as warm as can be", "what trim and respond say", "unknown"],
)
def test_supply_air_is_as_warm_as_its_mixed_air_lets_it_be(
    outdoor: float | Input, own_c: float, value: float | None
) -> None:
    # With all people there 0.306 of the air comes from outside, the rest has 20 degrees.
    system = replace(AHU, habit=replace(AHU.habit, supply_c=own_c))
    observed = seen(room(1.0, 20.0), system=system, outdoor=outdoor, memory=Memory(supply_air={"ahu": 17.5}))
    (proposal,) = supply_air.propose(observed)
    assert proposal.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("flow", "share"), [(2.0, 0.306), (4.0, 0.153), (1.0, 0.306), (MISSING, 0.306)],
    ids=["usual", "double: half the share", "cycles: while it runs", "unknown: as usual"],
)  # fmt: skip
def test_the_share_follows_the_flow(flow: float | Input, share: float) -> None:
    system = replace(AHU, flow_now=flow if isinstance(flow, Input) else Input(flow))
    observed = seen(room(1.0), system=system)
    assert ventilation.needed_share(observed, observed.air[0]) == pytest.approx(share)


@pytest.mark.parametrize(
    ("people", "flow", "share"), [(1.0, 2.0, 0.3), (1.0, 2.2, 0.3), (0.25, 2.0, 0.159375)],
    ids=["all", "a little more flow", "a quarter of them, and all of the floor"],
)  # fmt: skip
def test_what_keeps_its_share_gets_it_scaled_to_its_people(people: float, flow: float, share: float) -> None:
    constant = replace(AHU, habit=AirHabit(2.0, None, 13.0, 0.3), flow_now=Input(flow))
    observed = seen(room(people), system=constant)
    assert ventilation.needed_share(observed, constant) == pytest.approx(share)


def test_a_unit_whose_fan_cycles_mixes_its_air_itself_while_people_are_there() -> None:
    cycling = replace(AHU, habit=AirHabit(0.5, None, 13.0, None))
    assert ventilation.needed_share(seen(room(0.5), system=cycling), cycling) is None
    empty = seen(room(0.0), system=cycling)
    assert [p.value for p in ventilation.propose(empty)] == [0.0]


@pytest.mark.parametrize("occupied", [True, False])
def test_a_system_of_which_nothing_is_known_is_let_go_of(*, occupied: bool) -> None:
    blind = AirSystem("ahu", AHU.zones, FAN, OUTDOOR_AIR, SUPPLY_AIR)
    unknown = room(None, MISSING, occupied=occupied, peak=0.0, area=None, cooling_c=None)
    decided = told(seen(unknown, system=blind, outdoor=MISSING, memory=running(on=True)))
    assert [decided[point.id] for point in (FAN, OUTDOOR_AIR, SUPPLY_AIR)] == [None, None, None]


def test_a_system_without_points_is_left_alone() -> None:
    bare = AirSystem("ahu", AHU.zones)
    assert set(told(seen(room(0.5), system=bare))) == {setpoint().id}


def test_a_school_day_from_night_to_lesson() -> None:
    night = told(seen(EMPTY, when=NIGHT, memory=running(on=False, minutes=600)))
    assert (night[FAN.id], night[OUTDOOR_AIR.id], night[SUPPLY_AIR.id]) == (0.0, 0.0, 13.5)
    lesson = told(seen(room(1.0), memory=running(on=False, minutes=1)))
    assert lesson[FAN.id] == 1.0
    assert lesson[OUTDOOR_AIR.id] == pytest.approx(0.5, abs=0.01), "cools for free to 13.5 °C"
