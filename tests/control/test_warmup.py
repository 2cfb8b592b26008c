"""Learning how fast a zone warms up."""

import numpy as np
import pytest

from control.warmup import DEFAULT, Morning, find_mornings, learn_warm_up


def day(rate: float, start_c: float = 17.0, target_c: float = 20.5, outdoor_c: float = 5.0) -> tuple[np.ndarray, ...]:
    """A day in quarters of an hour: set back until 05:00, then warming up at `rate` K/h, set back from 19:00."""
    hours = np.arange(96) / 4
    setpoint = np.where((hours >= 5) & (hours < 19), target_c, 16.0)
    temperature = np.clip(start_c + rate * (hours - 5), start_c, target_c)
    temperature[hours >= 19] = start_c
    return temperature, setpoint, np.full(96, outdoor_c)


def history(*days: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return [np.concatenate(columns) for columns in zip(*days, strict=True)]


def test_each_morning_has_its_rate() -> None:
    mornings = find_mornings(*history(day(1.0), day(0.5, outdoor_c=-2.0)), step_h=0.25)
    assert [m.rate_k_per_h for m in mornings] == pytest.approx([1.0, 0.5], rel=0.05)
    assert mornings[1].difference_k > mornings[0].difference_k


def test_a_morning_that_never_arrives_still_tells_a_rate() -> None:
    (morning,) = find_mornings(*day(0.1), step_h=0.25)
    assert morning.rate_k_per_h == pytest.approx(0.1, rel=0.1)


def test_mornings_with_a_hole_end_there() -> None:
    temperature, setpoint, outdoor = day(0.5)
    temperature[30:] = np.nan
    (morning,) = find_mornings(temperature, setpoint, outdoor, step_h=0.25)
    assert morning.rate_k_per_h == pytest.approx(0.5, rel=0.1)


def test_a_zone_that_is_warm_anyway_teaches_nothing() -> None:
    assert find_mornings(*day(1.0, start_c=20.4), step_h=0.25) == []
    assert find_mornings(*(np.full(96, np.nan) for _ in range(3)), step_h=0.25) == []


@pytest.mark.parametrize("count", [0, 3])
def test_few_mornings_leave_the_default(count: int) -> None:
    assert learn_warm_up([Morning(3.0, 15.0, 4.0)] * count) == DEFAULT


def test_varied_weather_gives_a_line() -> None:
    mornings = [Morning(2.0 - 0.05 * d, d, 3.0) for d in np.linspace(5, 25, 12)]
    learnt = learn_warm_up(mornings)
    assert learnt.base_k_per_h == pytest.approx(2.0)
    assert learnt.loss_per_h == pytest.approx(0.05)
    assert learnt.mornings == 12


def test_a_zone_that_is_colder_after_free_days_starts_earlier() -> None:
    often = [(2.0 + 0.1 * k, 15.0 + k % 4) for k in range(16)]
    mondays = [(6.0, 15.0), (6.5, 17.0), (7.0, 19.0)]
    mornings = [Morning(3.0 - 0.3 * missing - 0.05 * d, d, missing) for missing, d in often + mondays]
    learnt = learn_warm_up(mornings)
    assert learnt.slower_per_h == pytest.approx(0.3, abs=0.01)
    assert learnt.rate_k_per_h(6.0, 18.0) == pytest.approx(0.3, abs=0.02)
    assert learnt.rate_k_per_h(6.0, None) == learnt.slowest_k_per_h


@pytest.mark.parametrize(
    ("by_difference", "by_missing", "loss", "slower"),
    [(0.05, 0.2, 0.05, 0.2), (-0.05, 0.2, 0.0, 0.2), (0.05, -0.2, 0.05, 0.0), (-0.05, -0.2, 0.0, 0.0)],
    ids=["both", "faster in the cold", "faster from far below", "only faster"],
)
def test_only_what_makes_a_zone_slower_counts(
    by_difference: float, by_missing: float, loss: float, slower: float
) -> None:
    # The two causes are varied independently of each other.
    pairs = [(d, missing) for d in (5.0, 15.0, 25.0) for missing in (2.0, 4.0, 6.0)]
    learnt = learn_warm_up([Morning(4.0 - by_difference * d - by_missing * m, d, m) for d, m in pairs])
    assert (learnt.loss_per_h, learnt.slower_per_h) == (pytest.approx(loss), pytest.approx(slower))


@pytest.mark.parametrize("difference", [15.0, float("nan")], ids=["even weather", "unknown weather"])
def test_without_varied_weather_the_slower_mornings_count(difference: float) -> None:
    learnt = learn_warm_up([Morning(rate, difference, 4.0) for rate in (0.8, 1.0, 1.2, 1.4)])
    assert learnt.loss_per_h == 0
    assert 0.8 <= learnt.base_k_per_h < 1.0
