"""What a promise assumes of the weather is laid over the weather that came; what cannot be held against it is said."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.assumptions import assumed_weather, departures
from predict.causes.explanation import EFFICIENCY, ENVELOPE, SETPOINT, USE
from predict.causes.roles import Carrier, EndUse, MeterKind
from predict.causes.signals import Meter, Signals
from stores.registry import Assumptions

TURIN = Calendar("Europe/Rome")
YEAR = np.arange(TURIN.midnight(date(2025, 1, 1)), TURIN.midnight(date(2026, 1, 1)), HOUR_MS, dtype=np.int64)
MONTH = np.array([TURIN.local(t).month for t in YEAR.tolist()])
NORMAL = (1.5, 3.5, 8.5, 12.0, 17.0, 21.5, 24.0, 23.0, 18.5, 12.5, 6.5, 2.5)


def weather(seed: int = 1) -> np.ndarray:
    hour = np.arange(len(YEAR))
    noise = np.repeat(np.random.default_rng(seed).normal(0, 3, len(YEAR) // 24 + 1), 24)[: len(YEAR)]
    return 12 - 11 * np.cos(2 * np.pi * (hour / 24 - 15) / 365) + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + noise


def test_each_month_gets_its_assumed_mean_and_keeps_its_hours() -> None:
    came = weather()
    moved = assumed_weather(YEAR, came, Assumptions(outdoor_c=NORMAL), TURIN)
    for number, normal in enumerate(NORMAL, start=1):
        assert moved[number == MONTH].mean() == pytest.approx(normal)
        assert np.ptp((moved - came)[number == MONTH]) == pytest.approx(0, abs=1e-9)


def test_part_of_a_month_is_held_against_its_place_in_the_year() -> None:
    rows = (MONTH == 3) & (np.arange(len(YEAR)) < np.argmax(MONTH == 3) + 5 * 24)
    moved = assumed_weather(YEAR[rows], weather()[rows], Assumptions(outdoor_c=NORMAL), TURIN)
    assert NORMAL[1] < moved.mean() < NORMAL[2]


@given(st.floats(1500, 4000), st.integers(1, 20))
def test_degree_days_come_out_as_assumed(wanted: float, seed: int) -> None:
    moved = assumed_weather(YEAR, weather(seed), Assumptions(degree_days=wanted), TURIN)
    days = moved[: len(YEAR) // 24 * 24].reshape(-1, 24).mean(axis=1)
    assert np.maximum(20 - days, 0).sum() * 365.25 / len(days) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(
    ("assumes", "hours", "says"),
    [
        (Assumptions(), len(YEAR), "for which weather"),
        (Assumptions(degree_days=2617), 24 * 40, "a period of a year"),
        (Assumptions(degree_days=12_000, base_c=5), len(YEAR), "a period of a year|degree days"),
    ],
)
def test_weather_that_nobody_assumed_is_said(assumes: Assumptions, hours: int, says: str) -> None:
    if assumes.base_c == 5:
        assert np.isfinite(assumed_weather(YEAR[:hours], weather()[:hours], assumes, TURIN)).all()
        return
    with pytest.raises(DomainError, match=says):
        assumed_weather(YEAR[:hours], weather()[:hours], assumes, TURIN)


@pytest.mark.parametrize(
    "values",
    [{"outdoor_c": (1.0,) * 11}, {"efficiency": 0.0}, {"room_c": 80.0}, {"hours_per_week": 169.0}, {"people": -1.0}],
)
def test_what_nobody_can_assume_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(DomainError):
        Assumptions(**values)  # type: ignore[arg-type]


def signals(*, heat_meter: bool = True, zones: bool = True) -> Signals:
    """Six winter weeks of a house of 2 kW/K at 20 degrees, with a boiler of 80 %."""
    n = 42 * 24
    hour = np.arange(n)
    outdoor = 4 + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + np.repeat(np.random.default_rng(3).normal(0, 3, 42), 24)
    inside = 20 + 0.5 * np.sin(2 * np.pi * hour / 24 / 3.3)
    people = np.where((hour % 24 >= 8) & (hour % 24 < 18), 20.0, 0.0)
    heat = 2.0 * (inside - outdoor) - 0.08 * people
    meters = [
        Meter("gas", MeterKind(Carrier.GAS, EndUse.WHOLE), heat / 0.8),
        Meter("electricity", MeterKind(Carrier.ELECTRICITY, EndUse.WHOLE), 3 + 0.15 * people),
    ]
    if heat_meter:
        meters.append(Meter("heat", MeterKind(Carrier.HEAT, EndUse.WHOLE), heat))
    return Signals(
        time_ms=YEAR[:n], outdoor_c=outdoor, sun_w_m2=None, wind_m_s=None, zones=("z",) if zones else (),
        zone_c=inside[:, None] if zones else np.zeros((n, 0)), heating_c=None, cooling_c=None,
        heads={} if people is None else {"people": people},
        zone_co2_ppm=None, fan=None, meters=tuple(meters),
    )  # fmt: skip


def test_each_departure_is_what_the_physics_says() -> None:
    of = signals()
    hours = of.hours
    assert of.outdoor_c is not None
    kelvin_hours = float(np.sum(of.zone_c[:, 0] - of.outdoor_c))
    gas = float(np.sum(of.meters[0].kwh))
    found = departures(of, Assumptions(room_c=19.0, heat_loss_kw_k=1.5, efficiency=0.9), Carrier.GAS)
    assert found.kwh[SETPOINT] == pytest.approx(2.0 * hours / 0.8, rel=0.1)
    assert found.kwh[ENVELOPE] == pytest.approx(0.5 * kelvin_hours / 0.8, rel=0.2)
    assert found.kwh[EFFICIENCY] == pytest.approx(gas * (1 - 0.8 / 0.9), rel=0.01)
    assert found.half_kwh[ENVELOPE] > abs(found.kwh[ENVELOPE] - 0.5 * kelvin_hours / 0.8)
    of_people = departures(of, Assumptions(people=5.0), Carrier.ELECTRICITY)
    more = float(np.mean(of.people) - 5.0) * hours  # type: ignore[arg-type]
    assert of_people.kwh[USE] == pytest.approx(0.15 * more, rel=0.01)


def test_as_assumed_there_is_no_departure() -> None:
    of = signals()
    found = departures(of, Assumptions(room_c=float(np.mean(of.zone_c)), efficiency=0.8), Carrier.GAS)
    assert found.kwh[SETPOINT] == pytest.approx(0, abs=1)
    assert found.kwh[EFFICIENCY] == pytest.approx(0, abs=1)


def test_without_a_heat_meter_loss_and_efficiency_are_not_told_apart() -> None:
    everything = Assumptions(room_c=19, heat_loss_kw_k=1.5, efficiency=0.9, hours_per_week=60)
    found = departures(signals(heat_meter=False), everything, Carrier.GAS)
    assert found.kwh.keys() == {SETPOINT}
    assert found.kwh[SETPOINT] == pytest.approx(2.0 / 0.8 * 42 * 24, rel=0.1)
    assert [s.split(":")[0] for s in found.missing] == ["efficiency", "heat loss", "plant hours"]
    blind = departures(signals(zones=False), everything, Carrier.GAS)
    assert blind.kwh.keys() == {EFFICIENCY}
    assert any("zone temperatures" in sentence for sentence in blind.missing)
