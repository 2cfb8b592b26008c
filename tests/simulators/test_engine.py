"""The engine's process, driven with a stand-in for EnergyPlus' own interface (the engine itself is an extra)."""

# ruff: noqa: ARG002, ARG005 - the stand-in has the signatures of EnergyPlus

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from simulators.engine import Actuator, Band, Engine, Job, Order, Report

STEPS = 6
Call = Callable[[Any], None]


class Recorded:
    """What EnergyPlus offers: warm-up, then `STEPS` zone steps of two system steps each, calling back as it does."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.warm = True
        self.kind = 1
        self.stopped = False
        self.done = 0
        self.set: list[tuple[str, int, float | None]] = []
        self.moment = ""
        self.state_manager = self.runtime = self.exchange = self

    def new_state(self) -> str:
        return "state"

    def delete_state(self, state: str) -> None:
        self.moment = "deleted"

    def set_console_output_status(self, state: str, on: bool) -> None:  # noqa: FBT001
        self.moment = "quiet"

    def request_variable(self, state: str, variable: str, key: str) -> None:
        self.moment = "asked"

    def __getattr__(self, name: str) -> Callable[[str, Call], None]:
        if not name.startswith("callback_"):
            raise AttributeError(name)
        return lambda state, call: self.calls.update({name.removeprefix("callback_"): call})

    def stop_simulation(self, state: str) -> None:
        self.stopped = True

    def run_energyplus(self, state: str, arguments: list[str]) -> int:
        for self.kind, self.warm in ((1, False), (3, True), (3, False)):
            for _ in range(STEPS):
                if self.stopped:
                    return 1
                self._call("begin_zone_timestep_before_init_heat_balance")
                for _ in range(2):
                    self._call("after_predictor_before_hvac_managers")
                    self._call("after_predictor_after_hvac_managers")
                self.done += self.kind == 3 and not self.warm
                self._call("end_zone_timestep_after_zone_reporting")
        return 0

    def _call(self, moment: str) -> None:
        self.moment = moment
        self.calls[moment]("state")

    def api_data_fully_ready(self, state: str) -> bool:
        return True

    def kind_of_sim(self, state: str) -> int:
        return self.kind

    def warmup_flag(self, state: str) -> bool:
        return self.warm

    def num_time_steps_in_hour(self, state: str) -> int:
        return 4

    def get_variable_handle(self, state: str, variable: str, key: str) -> int:
        return -1 if variable == "unknown" else 7

    def get_meter_handle(self, state: str, meter: str) -> int:
        return -1 if meter == "unknown" else 8

    def get_actuator_handle(self, state: str, component: str, control: str, key: str) -> int:
        return -1 if key == "unknown" else int(key)

    def get_variable_value(self, state: str, handle: int) -> float:
        return float(self.done)

    def get_meter_value(self, state: str, handle: int) -> float:
        return 100.0

    def set_actuator_value(self, state: str, handle: int, value: float) -> None:
        self.set.append((self.moment, handle, value))

    def reset_actuator(self, state: str, handle: int) -> None:
        self.set.append((self.moment, handle, None))


def job(*actuators: Actuator) -> Job:
    return Job("m.idf", "w.epw", ".", [("flow", "node"), ("unknown", "")], ["fans", "unknown"], list(actuators))


def drive(api: Recorded, work: Job, orders: list[Order | None]) -> tuple[int, list[Report]]:
    reports: list[Report] = []
    status = Engine(api, work, lambda: orders.pop(0), reports.append).run()
    return status, reports


def test_each_order_is_answered_where_the_run_then_stands() -> None:
    status, reports = drive(Recorded(), job(), [Order(2), Order(1), Order(3), Order(1)])

    assert status == 0
    assert [report.steps for report in reports] == [0, 2, 3, 6]
    assert [report.values for report in reports] == [[0.0, None], [2.0, None], [3.0, None], [6.0, None]]
    assert reports[-1].energy_j == [600.0, None]
    assert reports[-1].steps_per_hour == 4


def test_what_the_model_lacks_is_reported() -> None:
    _, reports = drive(Recorded(), job(Actuator("a", "b", "1"), Actuator("a", "b", "unknown")), [None])

    assert reports[0].actuators == [True, False]


def test_a_value_is_set_once_and_handed_back() -> None:
    api = Recorded()
    drive(api, job(Actuator("a", "b", "1")), [Order(1, [(0, 21.5)]), Order(1, [(0, None)]), None])

    assert [(handle, value) for _, handle, value in api.set] == [(1, 21.5), (1, None)]


def test_a_share_follows_its_flow_at_every_system_step() -> None:
    api = Recorded()
    drive(api, job(Actuator("a", "b", "1", times=0)), [Order(3, [(0, 0.5)]), Order(1, [(0, None)]), None])

    # Where no air flows, the model decides, or the fan would never start again.
    assert [value for _, _, value in api.set] == [None, None, 0.5, 0.5, 1.0, 1.0, None]
    assert api.set[0][0] == "after_predictor_before_hvac_managers"


@pytest.mark.parametrize(
    ("returned", "outdoor"),
    [
        pytest.param(4.0, 1.0, id="all returns"),
        pytest.param(3.5, 1.0, id="less is exhausted than is asked for"),
        pytest.param(1.0, 3.0, id="what is exhausted is made up for"),
        pytest.param(0.0, None, id="nothing returns: the model decides, or a starved system would stay so"),
    ],
)
def test_a_share_makes_up_for_what_is_exhausted(returned: float, outdoor: float | None) -> None:
    class Blowing(Recorded):
        def get_variable_handle(self, state: str, variable: str, key: str) -> int:
            return {"supply": 1, "return": 2}[variable]

        def get_variable_value(self, state: str, handle: int) -> float:
            return {1: 4.0, 2: returned}[handle]

    api = Blowing()
    work = Job("m", "w", ".", [("supply", ""), ("return", "")], [], [Actuator("a", "b", "1", times=0, back=1)])
    drive(api, work, [Order(1, [(0, 0.25)]), None])

    assert {value for _, _, value in api.set} == {outdoor}


def test_what_the_model_is_told_once() -> None:
    class Known(Recorded):
        def get_internal_variable_handle(self, state: str, variable: str, key: str) -> int:
            return -1 if key == "unknown" else 5

        def get_internal_variable_value(self, state: str, handle: int) -> float:
            return 42.0

    work = Job("m", "w", ".", [], [], [], constants=[("Zone Floor Area", "hall"), ("Zone Floor Area", "unknown")])
    _, reports = drive(Known(), work, [Order(1), Order(1), None])

    assert [report.constants for report in reports] == [[42.0, None], [], []]


def test_a_value_that_managers_overwrite_is_set_after_them() -> None:
    api = Recorded()
    drive(api, job(Actuator("a", "b", "1", insist=True)), [Order(2, [(0, 1.0)]), Order(1, [(0, None)]), None])

    assert [value for _, _, value in api.set] == [1.0, 1.0, 1.0, 1.0, None]
    assert api.set[0][0] == "after_predictor_after_hvac_managers"


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ([(0, 18.0)], [(1, 18.0)]),
        ([(0, 26.0)], [(1, 24.0)]),  # the model cools from 24
        ([(1, 19.0)], [(2, 21.0)]),  # the model heats to 21
        ([(0, 22.0), (1, 27.0)], [(1, 22.0), (2, 27.0)]),
        ([(0, 26.0), (1, 25.0)], [(1, 25.0), (2, 25.0)]),
        ([(1, 25.0), (1, None)], [(2, None)]),
    ],
)
def test_set_points_never_cross(
    writes: list[tuple[int, float | None]], expected: list[tuple[int, float | None]]
) -> None:
    class Thermostat(Recorded):
        def get_variable_handle(self, state: str, variable: str, key: str) -> int:
            return 21 if variable == "flow" else 24

        def get_variable_value(self, state: str, handle: int) -> float:
            return float(handle)

    api = Thermostat()
    work = msgspec.structs.replace(job(Actuator("a", "b", "1"), Actuator("a", "b", "2")), bands=[Band(0, 1, 0, 1)])
    drive(api, work, [Order(1), Order(1, writes), None])

    assert [(handle, value) for _, handle, value in api.set] == expected


def test_no_more_orders_stop_the_run() -> None:
    api = Recorded()
    drive(api, job(), [Order(2), None])

    assert api.stopped
    assert api.done == 2


def test_a_failure_inside_a_callback_is_kept() -> None:
    def broken(_: Report) -> None:
        raise OSError("pipe")

    api = Recorded()
    engine = Engine(api, job(), lambda: None, broken)
    engine.run()

    assert api.stopped
    assert isinstance(engine.failure, OSError)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_last_state_is_reported_even_when_orders_go_beyond_it(steps: int) -> None:
    _, reports = drive(Recorded(), job(), [Order(5), Order(steps), Order(1)])

    assert reports[-1].steps == (6 if steps == 1 else 5)
