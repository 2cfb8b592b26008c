"""Rules are data: they load, find their points by Brick class, and every one built in speaks and is quiet again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.calendar import HOUR_MS, MINUTE_MS, Calendar
from core.errors import ConfigError, DomainError
from core.points import Point
from predict.anomalies.event import Closing, Kind
from predict.anomalies.faults import FaultWatch
from predict.anomalies.rules import Rule, load_rules, place

CALENDAR = Calendar("Europe/Rome")
MIDNIGHT = 1_768_172_400_000  # Monday, 12 January 2026, in Turin
STEP = 15 * MINUTE_MS
BAD_AND_GOOD = {
    "simultaneous-heating-and-cooling": ({"heating": 40, "cooling": 30}, {"heating": 40, "cooling": 0}),
    "plant-heats-and-cools": ({"heating": 60, "cooling": 20}, {"heating": 0, "cooling": 20}),
    "zone-too-warm-while-heated": (
        {"temperature": 24, "setpoint": 20, "heating": 50},
        {"temperature": 21, "setpoint": 20, "heating": 50},
    ),
    "setpoint-not-reached": ({"temperature": 16, "setpoint": 20}, {"temperature": 19, "setpoint": 20}),
    "no-night-setback": ({"setpoint": 21}, {"setpoint": 16}),
    "setpoints-cross": ({"heating": 23, "cooling": 22}, {"heating": 20, "cooling": 25}),
    "heating-in-warm-weather": ({"supply": 60, "outdoor": 24}, {"supply": 60, "outdoor": 4}),
    "supply-below-setpoint": ({"supply": 40, "setpoint": 65}, {"supply": 62, "setpoint": 65}),
    "ventilation-short-of-air": ({"co2": 1900}, {"co2": 700}),
}
RULES = {rule.id: rule for rule in load_rules()}


def points(rule: Rule, unit: str = "kW") -> list[Point]:
    zone = "/hall" if rule.scope == "zone" else ""
    return [Point(f"torino/calvino{zone}/{role}", classes[0], unit) for role, classes in rule.points.items()]


def watch(name: str) -> FaultWatch:
    rule = RULES[name]
    (placed,) = [p for p in place([rule], points(rule)) if p.rule is rule]
    return FaultWatch(placed, CALENDAR)


def times(steps: int, start: int = MIDNIGHT) -> np.ndarray:
    return start + STEP * np.arange(steps, dtype=np.int64)


def held(values: dict[str, float], steps: int) -> dict[str, np.ndarray]:
    return {role: np.full(steps, float(value)) for role, value in values.items()}


def test_every_rule_built_in_has_a_case() -> None:
    assert set(BAD_AND_GOOD) == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_speaks_when_its_conditions_have_held_and_is_quiet_again(name: str) -> None:
    bad, good = BAD_AND_GOOD[name]
    fault = watch(name)
    start = MIDNIGHT - HOUR_MS  # so that the night is long
    needed = RULES[name].for_minutes // 15
    assert fault.feed(times(needed, start), held(bad, needed)) == []
    (opened,) = fault.feed(times(1, start + needed * STEP), held(bad, 1))
    assert (opened.kind, opened.rule, opened.start_ms, opened.is_open) == (Kind.FAULT, name, start, True)
    assert "{" not in opened.explanation
    quiet = start + (needed + 1) * STEP
    (closed,) = fault.feed(times(20, quiet), held(good, 20))
    assert (closed.id, closed.end_ms, closed.closing) == (opened.id, quiet, Closing.RETURNED)


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_never_speaks_of_what_is_well_or_unknown(name: str) -> None:
    good = BAD_AND_GOOD[name][1]
    assert watch(name).feed(times(200), held(good, 200)) == []
    assert watch(name).feed(times(200), held(dict.fromkeys(good, np.nan), 200)) == []


def test_interruption_begins_the_waiting_anew() -> None:
    bad, good = BAD_AND_GOOD["setpoint-not-reached"]
    fault = watch("setpoint-not-reached")
    for i in range(6):
        assert fault.feed(times(20, MIDNIGHT + 21 * i * STEP), held(bad, 20)) == []
        assert fault.feed(times(1, MIDNIGHT + (21 * i + 20) * STEP), held(good, 1)) == []


def test_energy_at_stake_is_the_smaller_power_and_costs() -> None:
    fault = watch("simultaneous-heating-and-cooling")
    *_, last = fault.feed(times(9), held({"heating": 40, "cooling": 30}, 9), 0.2)
    assert last.excess_kwh == pytest.approx(30 * 2.0)
    assert last.cost_eur == pytest.approx(12.0)


def test_fault_whose_points_fall_silent_ends_for_want_of_data() -> None:
    fault = watch("setpoints-cross")
    assert fault.feed(times(10), held({"heating": 23, "cooling": 22}, 10))[0].is_open
    unknown = held({"heating": np.nan, "cooling": np.nan}, 40)
    (closed,) = fault.feed(times(40, MIDNIGHT + 10 * STEP), unknown)
    assert (closed.closing, closed.end_ms) == (Closing.NO_DATA, MIDNIGHT + 9 * STEP)


def test_restart_and_blocks_change_nothing() -> None:
    bad, _ = BAD_AND_GOOD["simultaneous-heating-and-cooling"]
    whole, parts = watch("simultaneous-heating-and-cooling"), watch("simultaneous-heating-and-cooling")
    wanted = whole.feed(times(30), held(bad, 30))
    found = []
    for i in range(30):
        again = watch("simultaneous-heating-and-cooling")
        again.restore(parts.to_bytes())
        parts = again
        found += parts.feed(times(1, MIDNIGHT + i * STEP), held(bad, 1))
    assert found[-1] == wanted[-1]
    with pytest.raises(DomainError):
        whole.restore(b"nonsense")


def test_rule_stands_only_where_its_points_are() -> None:
    rule = RULES["setpoint-not-reached"]
    mine = points(rule)
    assert [p.subject for p in place([rule], mine)] == ["torino/calvino/hall"]
    assert place([rule], mine[:1]) == []
    assert place([rule], [Point(f"torino/calvino/{i}", p.brick_class, "Cel") for i, p in enumerate(mine)]) == []


HEAD = """
[[rule]]
id = "a"
scope = "zone"
points = {t = ["T_Sensor"]}
for_minutes = 1
clear_minutes = 1
"""


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "[[rule]]\nid = 'a'",
        HEAD + "explanation = '{x}'\nwhen = [{point = 't', above = 1.0}]",
        HEAD + "explanation = 'e'\nwhen = [{point = 't'}]",
        HEAD + "explanation = 'e'\nwhen = [{point = 't', above = 'nobody'}]",
        HEAD + "explanation = 'e'\nwhen = []",
    ],
)
def test_wrong_rule_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"rules\.toml"):
        load_rules(file)
    with pytest.raises(ConfigError):
        load_rules(tmp_path / "none.toml")
