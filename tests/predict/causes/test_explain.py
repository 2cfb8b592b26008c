"""The change between two periods is split by cause: the right one first, its size about right, the sum exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.evaluate.simulated import TYPES, Simulated, simulate_period
from core.errors import DomainError
from predict.causes.explain import explain
from predict.causes.explanation import CAUSES, Explanation
from predict.causes.record import Record, RecordedPoint
from simulators.design import Variation
from tests.predict.causes.conftest import DAYS, period

School = Callable[..., Simulated]

INJECTED = [
    ("setpoint_offset_k", 1.0, "setpoint"),
    ("plant_extra_hours", 2.0, "use_and_schedule"),
    ("infiltration", 1.5, "envelope"),
    ("boiler_efficiency", 0.9, "system_efficiency"),
    ("people", 1.3, "use_and_schedule"),
    ("meter_gain", 1.1, "metering"),
]


def kwh(found: Explanation, cause: str) -> float:
    return next(p.kwh for p in found.parts if p.cause == cause)


def without(record: Record, *classes: str) -> Record:
    return Record(tuple(p for p in record.points if not any(c in p.brick_class for c in classes)))


@pytest.mark.parametrize(("knob", "value", "cause"), INJECTED, ids=[i[0] for i in INJECTED])
def test_the_injected_cause_ranks_first_and_is_about_right(school: School, knob: str, value: float, cause: str) -> None:
    reporting = school(2026, knob, value)
    truth = reporting.kwh - school(2026).kwh
    found = explain(school(2025).record, reporting.record)
    assert found.ranked[0].cause == cause
    assert kwh(found, cause) == pytest.approx(truth, rel=0.25)


def test_what_two_causes_share_is_not_left_unexplained() -> None:
    worse = Variation(boiler_efficiency=0.8, infiltration=1.5)
    reporting = simulate_period(TYPES[1], date(2026, 1, 13), DAYS, seed=4, variation=worse)
    found = explain(period(2025).record, reporting.record)
    assert [part.cause for part in found.ranked[:2]] == ["system_efficiency", "envelope"]
    assert abs(kwh(found, "unexplained")) < 0.02 * abs(found.total_kwh)


def test_where_nothing_changed_but_the_weather_no_cause_is_named(school: School) -> None:
    found = explain(school(2025).record, school(2026).record)
    assert abs(found.ranked[0].kwh) < 0.02 * found.reporting_kwh
    assert next(iter(found.hypotheses)) == "nothing unseen"


def test_the_total_is_the_change_of_what_the_meters_counted(school: School) -> None:
    reference, reporting = school(2025), school(2026)
    found = explain(reference.record, reporting.record)
    assert found.total_kwh == pytest.approx(reporting.kwh - reference.kwh, rel=0.01)
    assert found.reporting_kwh == pytest.approx(reporting.kwh, rel=0.01)


def test_a_period_against_itself_has_nothing_to_explain(school: School) -> None:
    found = explain(school(2025).record, school(2025).record)
    assert found.total_kwh == pytest.approx(0.0, abs=1e-6)
    assert all(abs(p.kwh) < 0.005 * found.reference_kwh for p in found.parts)


@settings(max_examples=8, deadline=None)
@given(
    st.sets(
        st.sampled_from(
            ["Setpoint", "CO2", "Occupancy", "Irradiance", "Zone_Air_Temperature_Sensor", "Thermal", "Gas", "Status"]
        )
    )
)
def test_whatever_is_not_measured_the_parts_sum_exactly_to_the_total(left_out: set[str]) -> None:
    found = explain(
        without(period(2025).record, *left_out), without(period(2026, "infiltration", 1.5).record, *left_out)
    )
    assert [p.cause for p in found.parts] == list(CAUSES)
    assert sum(p.kwh for p in found.parts) == pytest.approx(found.total_kwh, abs=1e-6)
    assert all(np.isfinite([p.kwh, p.low, p.high]).all() and p.low <= p.kwh <= p.high for p in found.parts)


def test_what_is_missing_is_named(school: School) -> None:
    found = explain(without(school(2025).record, "Occupancy", "Irradiance"), school(2026).record)
    assert [s.partition(":")[0] for s in found.missing] == ["solar irradiance", "people"]


def test_without_zone_temperatures_the_envelope_is_never_blamed(school: School) -> None:
    left_out = ("Zone_Air_Temperature_Sensor",)
    reporting = school(2026, "infiltration", 1.5)
    found = explain(without(school(2025).record, *left_out), without(reporting.record, *left_out))
    assert kwh(found, "envelope") == 0.0


def test_periods_of_different_length_are_compared_at_equal_length(school: School) -> None:
    reference = school(2025).record
    half = Record(tuple(replace(p, time_ms=p.time_ms[: 14 * 96], value=p.value[: 14 * 96]) for p in reference.points))
    found = explain(half, school(2026).record)
    assert found.reference_kwh / found.reporting_kwh == pytest.approx(1.0, abs=0.35)
    assert sum(p.kwh for p in found.parts) == pytest.approx(found.total_kwh)


def test_a_main_meter_that_its_parts_contradict_is_a_matter_of_metering(school: School) -> None:
    def with_part(record: Record, factor: float) -> Record:
        gas = next(p for p in record.points if p.name == "gas")
        part = replace(gas, name="gas/heating", brick_class="Gas_Meter")
        first = gas.value[0]
        high = replace(gas, value=first + (gas.value - first) * factor)
        return Record((*(p for p in record.points if p.name != "gas"), high, part))

    found = explain(with_part(school(2025).record, 1.0), with_part(school(2026).record, 1.08))
    assert found.ranked[0].cause == "metering"
    assert kwh(found, "metering") == pytest.approx(0.08 * school(2026).gas_kwh, rel=0.05)


def test_gaps_and_nonsense_in_the_record_do_no_harm(school: School) -> None:
    record = school(2026, "boiler_efficiency", 0.9).record
    holes = tuple(
        replace(p, value=np.where((np.arange(len(p.value)) % 500) < 20, np.nan, p.value)) for p in record.points
    )
    nonsense = RecordedPoint(
        name="x", brick_class="Sensor", unit="furlong", zone="", time_ms=holes[0].time_ms, value=holes[0].value
    )
    found = explain(school(2025).record, Record((*holes, nonsense)))
    assert found.ranked[0].cause == "system_efficiency"


def test_without_a_meter_or_the_weather_it_says_so(school: School) -> None:
    record = school(2025).record
    with pytest.raises(DomainError, match="no energy meter"):
        explain(without(record, "Meter", "Thermal"), record)
    with pytest.raises(DomainError, match="outdoor temperature"):
        explain(without(record, "Outside"), record)


def test_less_than_a_week_is_refused(school: School) -> None:
    record = school(2025).record
    short = Record(tuple(replace(p, time_ms=p.time_ms[:300], value=p.value[:300]) for p in record.points))
    with pytest.raises(DomainError, match="a week"):
        explain(short, record)


def test_a_counter_of_people_that_starts_late_makes_no_new_people(school: School) -> None:
    def late(record: Record) -> Record:
        return Record(
            tuple(
                replace(p, time_ms=p.time_ms[-14 * 96 :], value=p.value[-14 * 96 :])
                if "Occupancy" in p.brick_class
                else p
                for p in record.points
            )
        )

    found = explain(late(school(2025).record), school(2026).record)
    assert any(s.startswith("people:") for s in found.missing)
    assert abs(kwh(found, "use_and_schedule")) < 0.02 * found.reporting_kwh


def test_other_units_make_no_other_explanation(school: School) -> None:
    def in_other_units(record: Record) -> Record:
        def turned(p: RecordedPoint) -> RecordedPoint:
            if p.unit == "kW.h":
                return replace(p, unit="MJ", value=p.value * 3.6)
            if p.unit == "Cel" and "Outside" in p.brick_class:
                return replace(p, unit="°F", value=p.value * 1.8 + 32)
            return p

        return Record(tuple(turned(p) for p in record.points))

    reporting = school(2026, "infiltration", 1.5).record
    plain = explain(school(2025).record, reporting)
    found = explain(school(2025).record, in_other_units(reporting))
    assert found.ranked[0].cause == plain.ranked[0].cause
    assert found.total_kwh == pytest.approx(plain.total_kwh, rel=0.01)
