import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from core.points import Counter
from core.registers import StepKind, register_step
from simulators.registers import JITTER_AT, Meter, Sensor

HOUR_MS = 3_600_000


def test_meter_shows_whole_digits_only() -> None:
    meter = Meter(0.1, start=10.0)

    meter.count(0.07)
    before = meter.read()
    meter.count(0.07)

    assert before == pytest.approx(10.0)
    assert meter.read() == pytest.approx(10.1)


def test_ten_tenths_of_a_digit_make_a_digit() -> None:
    meter = Meter(1.0)

    for _ in range(10):
        meter.count(0.1)

    assert meter.pulses == 1


def test_register_rolls_over_after_its_last_digit() -> None:
    meter = Meter(0.1, rollover=1_000_000.0, start=999_999.8)

    meter.count(0.1)
    full = meter.read()
    meter.count(0.3)

    assert full == pytest.approx(999_999.9)
    assert meter.read() == pytest.approx(0.2)


def test_register_begins_again_when_the_meter_is_changed() -> None:
    meter = Meter(1.0, start=500.0)

    meter.reset()
    meter.count(3)

    assert meter.read() == 3


def test_last_digit_flickers_only_where_it_may() -> None:
    steady, nervous = Meter(0.1, start=5.0), Meter(0.1, start=5.0, jitter=True)

    assert steady.read(JITTER_AT + 1) == pytest.approx(5.0)
    assert nervous.read(JITTER_AT + 1) == pytest.approx(4.9)
    assert nervous.read(0.0) == pytest.approx(5.0)


def test_gain_is_what_a_wrong_meter_has() -> None:
    meter = Meter(1.0, gain=1.1)

    meter.count(100)

    assert meter.read() == 110


@pytest.mark.parametrize(("resolution", "rollover", "start"), [(0, 100, 0), (1, 1, 0), (1, 100, 100), (1, 100, -1)])
def test_impossible_meters_are_refused(resolution: float, rollover: float, start: float) -> None:
    with pytest.raises(DomainError):
        Meter(resolution, rollover, start)


def test_meters_do_not_count_backwards() -> None:
    with pytest.raises(DomainError):
        Meter().count(-1)


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60), st.floats(0, 999))
def test_steps_between_readings_add_up_to_what_was_counted(amounts: list[float], start: float) -> None:
    meter = Meter(0.1, rollover=1000.0, start=start)
    counter = Counter(rollover=1000.0, max_rate_per_h=40.0, resolution=0.1)
    readings = [meter.read()]
    for amount in amounts:
        meter.count(amount)
        readings.append(meter.read())

    steps = [register_step(a, b, HOUR_MS, counter) for a, b in itertools.pairwise(readings)]

    assert {s.kind for s in steps} <= {StepKind.COUNTED, StepKind.ROLLED_OVER}
    assert sum(s.amount or 0.0 for s in steps) == pytest.approx(sum(amounts), abs=0.11)


@pytest.mark.parametrize(
    ("sensor", "truth", "noise", "reading"),
    [
        (Sensor(), 21.234, 3.0, 21.234),
        (Sensor(resolution=0.5), 21.3, 0.0, 21.5),
        (Sensor(bias=0.3), 20.0, 0.0, 20.3),
        (Sensor(sd=0.1), 20.0, -2.0, 19.8),
        (Sensor(sd=5, minimum=0), 1.0, -2.0, 0.0),
    ],
)
def test_sensor_errors(sensor: Sensor, truth: float, noise: float, reading: float) -> None:
    assert sensor.measure(truth, noise) == pytest.approx(reading)
