"""Decisions as tables: what is seen, and what each point is told."""

from dataclasses import replace
from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.memory import Memory, Trim
from control.strategies import correction, optimum_start, supply
from control.strategies.season import season_at
from control.strategy import decide
from control.view import BuildingView, Heating, Input, MeterGap, Occupancy, WarmUp, Zone
from core.calendar import HOUR_MS
from core.config.control import HeatingSeason
from core.points import Limits
from tests.control.views import COMFORT, MISSING, ROME, SUPPLY, at, gap, setpoint, view, zone

HALL = setpoint().id


def told(seen: BuildingView) -> dict[str, tuple[float | None, str]]:
    return {p.point.id: (p.value, p.strategy) for p in decide(seen)[0]}


@pytest.mark.parametrize(
    ("when", "temperature", "value", "strategy"),
    [
        ("2026-01-14 10:00", 20.0, 20.5, "setback"),
        ("2026-01-14 18:59", 20.0, 20.5, "setback"),
        ("2026-01-14 19:00", 20.0, 16.0, "setback"),
        ("2026-01-14 02:00", 17.0, 16.0, "setback"),
        ("2026-01-17 12:00", 17.0, 16.0, "setback"),
        ("2026-01-06 12:00", 17.0, 16.0, "setback"),
        ("2026-01-14 04:59", 17.0, 16.0, "setback"),
        ("2026-01-14 05:00", 17.0, 20.5, "optimum-start"),
        ("2026-01-14 08:00", 20.4, 16.0, "setback"),
        ("2026-01-14 08:25", 20.4, 20.5, "optimum-start"),
        ("2026-01-14 08:00", 20.6, 16.0, "setback"),
    ],
    ids=[
        "people there", "last minute", "closing", "night", "Saturday", "Epiphany", "cold, too early",
        "cold, time to start", "nearly warm, too early", "nearly warm, time to start", "warm already",
    ],
)  # fmt: skip
def test_a_zone_through_the_day(when: str, temperature: float, value: float, strategy: str) -> None:
    assert told(view(when, zone(temperature))) == {HALL: (value, strategy)}


@pytest.mark.parametrize(
    ("when", "starts"),
    [("2026-03-30 05:00", "2026-03-30 08:30"), ("2026-10-26 05:00", "2026-10-26 08:30")],
    ids=["Monday after the short Sunday", "Monday after the long Sunday"],
)
def test_optimum_start_counts_real_hours_to_local_opening(when: str, starts: str) -> None:
    seen = view(when, zone(17.0))
    assert optimum_start.remember(seen).preheating == {HALL: at(starts)}


@pytest.mark.parametrize(
    ("when", "zones"), [("2026-03-29 00:30", 1), ("2026-03-29 00:00", 0)], ids=["seven hours", "more"]
)
def test_a_night_with_a_missing_hour_is_an_hour_shorter(when: str, zones: int) -> None:
    # A Sunday that is open: 08:30 is 7 h away at 00:30, because 02:00 does not exist.
    night = Occupancy(is_occupied=False, changes_ms=at("2026-03-29 08:30"))
    assert len(optimum_start.remember(view(when, zone(13.5, occupancy=night))).preheating) == zones


def test_a_warm_up_once_begun_goes_on() -> None:
    begun = Memory(preheating={HALL: at("2026-01-14 08:30")})
    assert told(view("2026-01-14 06:00", zone(20.0), memory=begun)) == {HALL: (20.5, "optimum-start")}


def test_a_warm_up_for_another_day_is_forgotten() -> None:
    begun = Memory(preheating={HALL: at("2026-01-13 08:30")})
    assert told(view("2026-01-14 02:00", zone(20.0), memory=begun)) == {HALL: (16.0, "setback")}


@pytest.mark.parametrize(
    ("outdoor", "hours"), [(0.0, 3.5 / 0.6), (10.0, 3.5 / 0.8), (MISSING, 3.5 / 0.35)], ids=["cold", "mild", "unknown"]
)
def test_the_lead_follows_the_weather_and_is_longest_when_it_is_unknown(outdoor: float | Input, hours: float) -> None:
    slow = WarmUp(base_k_per_h=0.94, loss_per_h=0.02, slowest_k_per_h=0.35, mornings=20)
    seen = view("2026-01-14 00:00", zone(17.0, warm_up=slow), outdoor=outdoor)
    assert optimum_start.lead_h(seen, seen.zones[0]) == pytest.approx(hours)


@pytest.mark.parametrize("when", ["2026-01-14 10:00", "2026-01-14 02:00", "2026-01-14 07:00"])
def test_a_zone_without_temperature_is_let_go_and_the_others_are_not(when: str) -> None:
    decided = told(view(when, zone(MISSING), zone(20.6, name="offices")))
    assert decided[HALL] == (None, "setback")
    assert decided[setpoint("offices").id][0] is not None


@pytest.mark.parametrize(
    ("day", "heating"),
    [
        (date(2025, 10, 14), Heating.FORBIDDEN),
        (date(2025, 10, 15), Heating.ALLOWED),
        (date(2026, 4, 14), Heating.ALLOWED),
        (date(2026, 4, 15), Heating.FORBIDDEN),
        (date(2026, 8, 1), Heating.FORBIDDEN),
        (date(2026, 11, 20), Heating.UNKNOWN),
    ],
)
def test_the_heating_season_is_what_is_on_record(day: date, heating: Heating) -> None:
    record = HeatingSeason(start=date(2025, 10, 15), end=date(2026, 4, 15), source="DPR 74/2013, zone E")
    assert season_at(datetime.combine(day, time(12), ROME.zone), [record]).heating is heating


@pytest.mark.parametrize(
    ("clock", "setback_only"),
    [(time(4, 59), True), (time(5, 0), False), (time(22, 59), False), (time(23, 0), True)],
)
def test_hours_of_the_day_are_on_record_too(clock: time, *, setback_only: bool) -> None:
    record = HeatingSeason(
        start=date(2025, 10, 15), end=date(2026, 4, 15), source="DPR 74/2013", daily_from="05:00", daily_to="23:00"
    )
    assert season_at(datetime.combine(date(2026, 1, 14), clock, ROME.zone), [record]).setback_only is setback_only


def test_before_the_allowed_hour_no_zone_is_warmed_up_whatever_it_needs() -> None:
    cold = view("2026-01-14 04:00", zone(temperature=12.0))
    assert told(cold)[HALL] == (20.5, "optimum-start")
    night = replace(cold, season=replace(cold.season, setback_only=True))
    assert told(night)[HALL] == (COMFORT.setback_c, "season")
    blind = replace(night, zones=(zone(temperature=MISSING),))
    assert told(blind)[HALL] == (None, "setback")


def test_without_any_record_heating_is_always_allowed() -> None:
    assert season_at(datetime(2026, 8, 1, tzinfo=ROME.zone), []).heating is Heating.ALLOWED


@pytest.mark.parametrize(
    ("heating", "zone_value", "supply_value"),
    [(Heating.FORBIDDEN, 5.0, 25.0), (Heating.UNKNOWN, None, None)],
    ids=["out of season", "records have run out"],
)
@pytest.mark.parametrize("temperature", [12.0, MISSING])
def test_no_heating_outside_the_season(
    heating: Heating, zone_value: float | None, supply_value: float | None, temperature: float | Input
) -> None:
    decided = told(view("2026-05-13 10:00", zone(temperature), season=heating, supply=True))
    assert decided == {HALL: (zone_value, "season"), SUPPLY.id: (supply_value, "season")}


EARLIER = Trim(-0.25, at("2026-01-14 00:00"))


@pytest.mark.parametrize(
    ("gaps", "temperature", "before", "after"),
    [
        ((gap(80),), 21.0, Trim(), -0.25),
        ((gap(80),), 21.0, EARLIER, -0.5),
        ((gap(80),), 21.0, Trim(-0.5, 0), -0.5),
        ((gap(80),), 21.0, Trim(-0.25, at("2026-01-14 06:00")), -0.25),
        ((gap(40),), 21.0, Trim(), 0.0),
        ((gap(40),), 21.0, EARLIER, -0.25),
        ((gap(-10),), 21.0, EARLIER, 0.0),
        ((gap(-300),), 21.0, Trim(), 0.0),
        ((gap(80),), 20.1, Trim(), 0.0),
        ((gap(80),), 19.6, Trim(), 0.25),
        ((), 19.6, EARLIER, 0.0),
        ((), 21.0, Trim(0.5, 0), 0.25),
        ((gap(80, coverage=0.8),), 21.0, Trim(), 0.0),
        ((gap(80, extrapolated=0.5),), 21.0, Trim(), 0.0),
        ((), 21.0, EARLIER, -0.25),
        ((gap(80),), MISSING, EARLIER, -0.25),
    ],
    ids=[
        "beyond uncertainty", "still beyond", "bounded", "not so soon", "within uncertainty", "hysteresis", "gap gone",
        "savings are no reason to heat more", "zone only just warm", "zone cold", "cold undoes it", "warm again",
        "too little known", "weather never seen", "gap unknown", "zone unknown",
    ],
)  # fmt: skip
def test_a_persistent_gap_moves_the_set_point_in_small_steps(
    gaps: tuple[MeterGap, ...], temperature: float | Input, before: Trim, after: float
) -> None:
    memory = Memory(trims={HALL: before} if before != Trim() else {})
    seen = view("2026-01-14 10:00", zone(temperature), gaps=gaps, memory=memory)
    assert correction.remember(seen).trims.get(HALL, Trim()).kelvin == after


def test_a_correction_says_what_it_rests_on() -> None:
    seen = view("2026-01-14 10:00", zone(21.0), gaps=(gap(80),))
    (proposal,), _ = decide(seen)
    assert (proposal.value, proposal.strategy) == (20.25, "gap-correction")
    assert proposal.model == "towt 3 of torino/calvino/gas"
    assert "80 kWh (± 50) more than predicted" in proposal.why


def test_a_night_zone_is_not_raised_because_it_is_cold() -> None:
    assert correction.remember(view("2026-01-14 02:00", zone(16.0))).trims == {}


@pytest.mark.parametrize(
    ("outdoor", "supply_c"), [(-20.0, 70.0), (-8.0, 70.0), (6.0, 51.0), (20.0, 32.0), (30.0, 32.0)]
)
def test_the_weather_curve(outdoor: float, supply_c: float) -> None:
    assert supply.curve_c(outdoor) == pytest.approx(supply_c)


@pytest.mark.parametrize(
    ("zones", "change"),
    [
        ((zone(20.5), zone(20.4)), -1.0),
        ((zone(20.1), zone(20.5)), 2.0),
        ((zone(19.0), zone(20.5)), 4.0),
        ((zone(18.0), zone(18.0)), 5.0),
        ((zone(20.5), zone(MISSING)), 0.0),
        ((zone(20.5), zone(20.5, now=MISSING)), 0.0),
        ((zone(18.5, now=16.0),), -1.0),
    ],
    ids=["satisfied", "one asks", "one asks twice", "bounded", "one unseen", "one set-point unseen", "set back"],
)
def test_supply_trims_down_and_responds_to_requests(zones: tuple[Zone, ...], change: float) -> None:
    seen = view("2026-01-14 10:00", *zones, supply=True, memory=Memory(supply_trim=Trim(-4.0, 0)))
    assert supply.remember(seen).supply_trim.kelvin == -4.0 + change


@pytest.mark.parametrize(
    ("zones", "outdoor"), [((zone(20.0),), MISSING), ((zone(MISSING),), 5.0)], ids=["no weather", "no zone"]
)
def test_supply_is_let_go_when_it_is_blind(zones: tuple[Zone, ...], outdoor: float | Input) -> None:
    assert told(view("2026-01-14 10:00", *zones, outdoor=outdoor, supply=True))[SUPPLY.id] == (None, "supply-reset")


temperatures = st.one_of(st.floats(-10, 45).map(Input), st.just(MISSING))


@given(
    when=st.integers(at("2026-01-01 00:00"), at("2026-12-31 00:00")),
    zone_c=temperatures,
    setpoint_c=temperatures,
    outdoor=temperatures,
    gap_kwh=st.floats(-1e4, 1e4),
    trim=st.floats(-20, 20),
    supply_trim=st.floats(-100, 100),
    season=st.sampled_from(Heating),
    rate=st.floats(-5, 5),
)
def test_set_points_stay_within_comfort_and_limits(
    *, when: int, zone_c: Input, setpoint_c: Input, outdoor: Input, gap_kwh: float, trim: float, supply_trim: float,
    season: Heating, rate: float,
) -> None:  # fmt: skip
    memory = Memory(trims={HALL: Trim(trim, 0)}, supply_trim=Trim(supply_trim, 0))
    warm_up = WarmUp(rate, 0.02, rate, 5)
    limits = Limits(5.0, 26.0, 18.0)
    seen = replace(
        view("2026-01-14 10:00", zone(zone_c, now=setpoint_c, warm_up=warm_up, limits=limits), outdoor=outdoor,
             season=season, supply=True, gaps=(gap(gap_kwh),), memory=memory),
        now_ms=when,
    )  # fmt: skip
    proposals, after = decide(seen)
    values = {p.point.id: p for p in proposals}
    assert set(values) == {HALL, SUPPLY.id}
    assert all(p.why for p in proposals)
    hall = values[HALL].value
    if season is not Heating.ALLOWED:
        assert hall == (limits.minimum if season is Heating.FORBIDDEN else None)
    elif zone_c.value is None:
        assert hall is None
    elif seen.zones[0].occupancy.is_occupied:
        assert hall is not None
        assert COMFORT.minimum_c <= hall <= COMFORT.maximum_c
    else:
        assert hall is not None
        assert COMFORT.setback_c <= hall <= COMFORT.maximum_c
    water = values[SUPPLY.id].value
    assert water is None or 25.0 <= water <= 75.0
    assert (
        all(correction.LOWEST_K <= t.kelvin <= correction.HIGHEST_K for t in after.trims.values())
        or zone_c.value is None
    )


def test_a_decision_repeated_on_the_same_view_is_the_same() -> None:
    seen = view("2026-01-14 07:00", zone(17.0), gaps=(gap(80),), supply=True)
    assert decide(seen) == decide(seen)


def test_lead_is_bounded() -> None:
    seen = view("2026-01-14 00:00", zone(-5.0, warm_up=WarmUp(0.2, 0.0, 0.2, 5)))
    assert optimum_start.lead_h(seen, seen.zones[0]) == optimum_start.MAX_LEAD_H
    assert optimum_start.MAX_LEAD_H * HOUR_MS < 24 * HOUR_MS
