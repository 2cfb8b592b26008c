import pytest

from simulators import calvino
from simulators.design import PlantDesign, Variation
from simulators.plant import Plant, efficiency, weather_compensated_c

ROOMS = 4
COLD = [18.0] * ROOMS
WANTED = [21.0] * ROOMS


def plant(**variation: float) -> Plant:
    return Plant(PlantDesign(), calvino.design().zones, Variation(**variation))


def run(
    subject: Plant, minutes: int, *, setpoints: list[float] = WANTED, supply_c: float = 65.0, enabled: bool = True
) -> float:
    emitted = 0.0
    for _ in range(minutes):
        emitted += 60 * sum(subject.step(60, COLD, setpoints, supply_c, enabled=enabled))
    return emitted


@pytest.mark.parametrize("supply_c", [35.0, 50.0, 75.0])
@pytest.mark.parametrize("step_s", [60, 120, 300])
def test_no_joule_is_lost_on_the_way(supply_c: float, step_s: int) -> None:
    subject = plant()
    before = subject.stored_j

    emitted = sum(
        step_s * sum(subject.step(step_s, COLD, WANTED, supply_c, enabled=True)) for _ in range(8 * 3600 // step_s)
    )

    energy = subject.energy
    assert emitted == pytest.approx(energy.radiators)
    assert energy.boiler == pytest.approx(subject.stored_j - before + energy.radiators + energy.standing, rel=1e-9)
    assert energy.gas > energy.boiler


def test_supply_water_comes_to_its_set_point() -> None:
    subject = plant()

    run(subject, 90, supply_c=60.0)

    assert subject.supply_c == pytest.approx(60.0, abs=5.0)
    assert subject.return_c < subject.supply_c


def test_heat_reaches_the_rooms_late_and_leaves_them_late() -> None:
    subject = plant()

    first = run(subject, 2)
    run(subject, 60)
    warm = run(subject, 2)
    after_valves_close = run(subject, 20, setpoints=[10.0] * ROOMS)

    assert first < 0.2 * warm
    assert after_valves_close > 2 * warm


def test_disabled_boiler_burns_nothing() -> None:
    subject = plant()

    run(subject, 60, enabled=False)

    assert subject.energy.gas == 0
    assert not subject.firing


def test_satisfied_rooms_close_their_valves_and_stop_the_pump() -> None:
    subject = plant()

    run(subject, 60, setpoints=[15.0] * ROOMS)

    assert subject.valves == [0.0] * ROOMS
    assert subject.energy.pump == 0


def test_a_small_load_makes_the_boiler_cycle() -> None:
    subject = plant()

    run(subject, 600, setpoints=[17.5] * ROOMS, supply_c=50.0)

    assert subject.energy.starts > 3


@pytest.mark.parametrize("cooler_c", [25.0, 35.0, 45.0])
def test_cool_return_water_condenses(cooler_c: float) -> None:
    assert efficiency(cooler_c, 0.5) > efficiency(cooler_c + 9, 0.5)
    assert 0.85 < efficiency(cooler_c, 1.0) < 1.0


def test_warm_return_water_does_not_condense() -> None:
    assert efficiency(60.0, 1.0) == efficiency(75.0, 1.0)


def test_a_worse_boiler_burns_more_for_the_same_heat() -> None:
    good, bad = plant(), plant(boiler_efficiency=0.9)

    assert run(good, 300) == pytest.approx(run(bad, 300))
    assert bad.energy.gas == pytest.approx(good.energy.gas / 0.9, rel=0.01)


def test_heating_curve_is_warmer_when_it_is_colder() -> None:
    curve = [weather_compensated_c(outdoor) for outdoor in (-20, -8, 0, 10, 20, 30)]

    assert curve == sorted(curve, reverse=True)
    assert curve[1] == pytest.approx(72.0)
    assert curve[0] == 75.0
