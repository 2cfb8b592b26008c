from datetime import datetime

import pytest

from core.clock import to_ms
from core.errors import DomainError, NotFoundError
from simulators import calvino
from simulators.building import RCBuilding
from simulators.design import Variation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ZONES = ("reading-room", "childrens-room", "offices", "hall")


def local(text: str) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=calvino.calendar().zone))


JANUARY = local("2025-01-14")


def simulate(
    days: float, *, start_ms: int = JANUARY, setpoint_c: float = 20.5, supply_c: float | None = 65.0, seed: int = 1,
    step_s: int = 300, **knobs: float,
) -> RCBuilding:  # fmt: skip
    building = calvino.build(start_ms, seed=seed, step_s=step_s, variation=Variation(**knobs))
    for zone in ZONES:
        building.write(f"{zone}/heating-setpoint", setpoint_c)
    if supply_c is not None:
        building.write("supply-temperature-setpoint", supply_c)
    building.step(start_ms + int(days * DAY_MS))
    return building


@pytest.mark.parametrize(
    ("start", "step_s"), [("2025-01-14", 60), ("2025-01-14", 300), ("2025-03-29", 300), ("2025-07-10", 300)]
)
def test_first_law_closes(start: str, step_s: int) -> None:
    building = simulate(2, start_ms=local(start), step_s=step_s)

    balance = building.balance()

    assert balance.residual < 1e-9
    assert balance.solar > 0


def test_plant_and_zones_agree_on_the_heat() -> None:
    energy = simulate(2).truth().plant

    assert energy.boiler > energy.radiators > 0.85 * energy.boiler
    assert energy.gas > energy.boiler


@pytest.mark.parametrize(
    ("start", "gas_kwh_m2_day", "electricity_kwh_m2_day"),
    [
        ("2025-01-13", (0.4, 1.3), (0.06, 0.2)),
        ("2025-04-07", (0.0, 0.5), (0.06, 0.2)),
        ("2025-07-07", (0.0, 0.01), (0.05, 0.2)),
    ],
)
def test_a_week_uses_what_such_a_library_uses(
    start: str, gas_kwh_m2_day: tuple[float, float], electricity_kwh_m2_day: tuple[float, float]
) -> None:
    building = simulate(7, start_ms=local(start))

    truth, floor_m2 = building.truth(), building.design.floor_m2

    assert gas_kwh_m2_day[0] <= truth.gas_kwh / floor_m2 / 7 <= gas_kwh_m2_day[1]
    assert electricity_kwh_m2_day[0] <= truth.electricity_kwh / floor_m2 / 7 <= electricity_kwh_m2_day[1]


def test_zones_are_held_at_their_set_points_in_winter() -> None:
    building = simulate(3.5)

    for zone in ZONES:
        assert building.read(f"{zone}/temperature") == pytest.approx(20.7, abs=0.9)


def test_rooms_cool_down_slowly_without_heat() -> None:
    building = simulate(1, setpoint_c=21.0)
    warm = building.read("reading-room/temperature")
    building.write("boiler-enable", 0.0)

    building.step(building.time_ms + 3 * HOUR_MS)
    after_three = building.read("reading-room/temperature")
    building.step(building.time_ms + 2 * DAY_MS)

    assert 0.3 < warm - after_three < 5
    assert building.read("reading-room/temperature") < after_three


@pytest.mark.parametrize(
    ("knobs", "changed"),
    [
        ({"infiltration": 1.5}, "gas"),
        ({"boiler_efficiency": 0.85}, "gas"),
        ({"setpoint_offset_k": 1.5}, "gas"),
        ({"plant_extra_hours": 3.0}, "gas"),
        ({"plant_extra_hours": 3.0}, "electricity"),
        ({"people": 2.0}, "electricity"),
        ({"meter_gain": 1.05}, "gas"),
        ({"meter_gain": 1.05}, "electricity"),
    ],
)
def test_every_cause_of_a_gap_shows_on_a_meter(knobs: dict[str, float], changed: str) -> None:
    design, actual = simulate(2), simulate(2, **knobs)

    assert actual.read(changed) > design.read(changed) + 1


def test_people_heat_the_building() -> None:
    assert simulate(2, people=2.0).truth().gas_kwh < simulate(2, people=0.0).truth().gas_kwh


@pytest.mark.parametrize(("low", "high"), [(16.0, 18.0), (18.0, 20.0), (20.0, 22.0)])
def test_higher_set_points_burn_more_gas(low: float, high: float) -> None:
    cool, warm = simulate(2, setpoint_c=low), simulate(2, setpoint_c=high)

    assert warm.truth().gas_kwh > 1.03 * cool.truth().gas_kwh
    for zone in ZONES:
        assert warm.truth().operative_c[zone] > cool.truth().operative_c[zone]


def test_cooler_supply_water_burns_less_for_the_same_rooms() -> None:
    hot, cool = simulate(3, supply_c=75.0), simulate(3, supply_c=55.0)

    efficiency = [b.truth().heat_kwh / b.truth().gas_kwh for b in (hot, cool)]

    assert efficiency[1] > efficiency[0] + 0.01


def test_before_anybody_writes_the_boiler_follows_the_weather() -> None:
    building = simulate(0.25, supply_c=None)

    assert 45 < building.read("supply-temperature-setpoint") < 75
    building.write("supply-temperature-setpoint", 52.0)
    assert building.read("supply-temperature-setpoint") == 52.0


def test_full_rooms_are_stuffier_than_empty_ones() -> None:
    building = simulate(0.7)

    assert building.truth().people["reading-room"] > 10
    assert building.read("reading-room/co2") > 550
    building.step(building.time_ms + 10 * HOUR_MS)
    assert building.read("reading-room/occupancy") == 0
    assert building.read("reading-room/co2") < 550


def test_the_same_seed_is_the_same_building_however_it_is_stepped() -> None:
    whole, parts = simulate(1), simulate(0.5)
    while parts.time_ms < whole.time_ms:
        parts.step(parts.time_ms + 20 * 60_000)

    assert {n: whole.read(n) for n in whole.names} == {n: parts.read(n) for n in parts.names}


def test_another_seed_is_another_history() -> None:
    assert simulate(1, seed=1).read("electricity") != simulate(1, seed=2).read("electricity")


@pytest.mark.parametrize("step_s", [60, 120])
def test_the_step_hardly_matters(step_s: int) -> None:
    coarse, fine = simulate(2, step_s=300).truth(), simulate(2, step_s=step_s).truth()

    assert fine.gas_kwh == pytest.approx(coarse.gas_kwh, rel=0.03)
    assert fine.electricity_kwh == pytest.approx(coarse.electricity_kwh, rel=0.01)


def test_meters_count_what_was_used() -> None:
    start = calvino.build(JANUARY, seed=1)
    end = simulate(1)

    for name, used in (("gas", end.truth().gas_kwh), ("electricity", end.truth().electricity_kwh)):
        assert end.read(name) - start.read(name) == pytest.approx(used, abs=0.3)


def test_stepping_back_changes_nothing() -> None:
    building = simulate(0.1)
    before = building.time_ms

    building.step(before - HOUR_MS)

    assert building.time_ms == before


@pytest.mark.parametrize("name", ["electricity", "attic/heating-setpoint", "hall/temperature", ""])
def test_only_set_points_can_be_written(name: str) -> None:
    with pytest.raises(NotFoundError):
        calvino.build(JANUARY).write(name, 20.0)


def test_unknown_names_are_not_found() -> None:
    with pytest.raises(NotFoundError, match="attic"):
        calvino.build(JANUARY).read("attic/temperature")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_no_set_point(value: float) -> None:
    with pytest.raises(DomainError):
        calvino.build(JANUARY).write("hall/heating-setpoint", value)


@pytest.mark.parametrize("step_s", [0, 7, 7200])
def test_steps_divide_an_hour(step_s: int) -> None:
    with pytest.raises(DomainError):
        calvino.build(JANUARY, step_s=step_s)
