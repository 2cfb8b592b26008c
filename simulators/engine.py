"""One EnergyPlus run in a process of its own: ``python -m simulators.engine JOB``, driven step by step over its pipes.

The engine calls back at each zone time step, keeps global state and may end the process it runs in, so every building
has a process. One JSON line a message goes each way: `Order` in, `Report` or `Ended` out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

_NO_FLOW: Final = 1e-6
WEATHER_RUN: Final = 3
"""What the engine calls a run over a weather file, as opposed to design days and sizing."""


class Actuator(msgspec.Struct, frozen=True, array_like=True):
    """A place at which the engine takes a value from outside.

    Attributes
    ----------
    component, control, key
        As the engine's data dictionary names it.
    times
        Position in `Job.variables` of what a written value is multiplied by at every system step (a share of a flow);
        None: it is taken as it is.
    back
        Position in `Job.variables` of the flow that returns: what does not return is exhausted, and has to be made up
        from outside at least, or the engine starves the system.
    insist
        The engine's own managers overwrite the value, so it is set again after they have spoken, at every system step.
    """

    component: str
    control: str
    key: str
    times: int | None = None
    insist: bool = False
    back: int | None = None


class Band(msgspec.Struct, frozen=True, array_like=True):
    """Two set-points of a thermostat that must not cross: the engine ends the run when they do.

    Attributes
    ----------
    heating, cooling
        Positions in `Job.actuators`.
    heating_schedule, cooling_schedule
        Positions in `Job.variables` of what the model itself asks for.
    """

    heating: int
    cooling: int
    heating_schedule: int
    cooling_schedule: int


class Job(msgspec.Struct, frozen=True):
    """What to run and what to exchange.

    Attributes
    ----------
    model, weather, output
        IDF, EPW, and the directory that gets the engine's files.
    variables
        (output variable, object).
    meters
        Meters; their energy is added up over the run.
    actuators
        Where values can be set.
    bands
        Which of them hold each other back.
    constants
        (internal variable, object): what the model is, read once.
    """

    model: str
    weather: str
    output: str
    variables: list[tuple[str, str]]
    meters: list[str]
    actuators: list[Actuator]
    bands: list[Band] = []
    constants: list[tuple[str, str]] = []


class Order(msgspec.Struct, frozen=True):
    """Run `steps` zone time steps, after setting actuators: (position, value, or None to hand it back)."""

    steps: int
    writes: list[tuple[int, float | None]] = []


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Where the run stands.

    Attributes
    ----------
    steps
        Zone time steps done.
    steps_per_hour
        Of the run.
    values
        One for each of `Job.variables`, as at the end of the last step; None: the model has no such variable.
    energy_j
        One for each of `Job.meters`, joules since the beginning; None: no such meter.
    actuators
        Whether the model has each of `Job.actuators`.
    constants
        One for each of `Job.constants`, in the first report; None: the model has no such.
    """

    steps: int
    steps_per_hour: int
    values: list[float | None]
    energy_j: list[float | None]
    actuators: list[bool] = []
    constants: list[float | None] = []


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The run is over; `status` 0 means that it went well."""

    status: int


class Engine:
    """The engine with its callbacks.

    Parameters
    ----------
    api
        ``EnergyPlusAPI()`` of pyenergyplus.
    job
        What to run.
    orders
        Gives the next order; None stops the run.
    send
        Takes a report.
    """

    def __init__(self, api: Any, job: Job, orders: Callable[[], Order | None], send: Callable[[Report], None]) -> None:
        self._api = api
        self._exchange = api.exchange
        self._job = job
        self._orders = orders
        self._send = send
        self._ready = False
        self._stopped = False
        self._steps = 0
        self._due = 0
        self._variables: list[int] = []
        self._meters: list[int] = []
        self._actuators: list[int] = []
        self._energy_j: list[float] = [0.0] * len(job.meters)
        self._shares: dict[int, float] = {}
        self._insisted: dict[int, float] = {}
        self._held: dict[int, float] = {}
        self._banded = {position for band in job.bands for position in (band.heating, band.cooling)}
        self.failure: BaseException | None = None

    def run(self) -> int:
        """Run to the end of the run period, or until orders stop; returns the engine's status."""
        state = self._api.state_manager.new_state()
        runtime = self._api.runtime
        runtime.set_console_output_status(state, False)
        for variable, key in self._job.variables:
            self._exchange.request_variable(state, variable, key)
        for register, call in (
            (runtime.callback_begin_zone_timestep_before_init_heat_balance, self._begin),
            (runtime.callback_after_predictor_before_hvac_managers, self._share),
            (runtime.callback_after_predictor_after_hvac_managers, self._insist),
            (runtime.callback_end_zone_timestep_after_zone_reporting, self._end),
        ):
            register(state, self._guarded(call))
        status: int = runtime.run_energyplus(state, ["-d", self._job.output, "-w", self._job.weather, self._job.model])
        self._api.state_manager.delete_state(state)
        return status

    def _guarded(self, call: Callable[[Any], None]) -> Callable[[Any], None]:
        """Call only within the real run; what fails stops the run instead of vanishing in the engine's callback."""

        def guarded(state: Any) -> None:
            exchange = self._exchange
            if self._stopped or not exchange.api_data_fully_ready(state):
                return
            if exchange.kind_of_sim(state) != WEATHER_RUN or exchange.warmup_flag(state):
                return
            try:
                call(state)
            except BaseException as error:  # noqa: BLE001 - raised again by the caller of run()
                self.failure = error
                self._stop(state)

        return guarded

    def _stop(self, state: Any) -> None:
        self._stopped = True
        self._api.runtime.stop_simulation(state)

    def _begin(self, state: Any) -> None:
        if not self._ready:
            self._open(state)
        for band in self._job.bands:
            self._keep_apart(state, band)

    def _open(self, state: Any) -> None:
        exchange, job = self._exchange, self._job
        self._variables = [exchange.get_variable_handle(state, *variable) for variable in job.variables]
        self._meters = [exchange.get_meter_handle(state, meter) for meter in job.meters]
        self._actuators = [
            exchange.get_actuator_handle(state, item.component, item.control, item.key) for item in job.actuators
        ]
        self._ready = True
        handles = [exchange.get_internal_variable_handle(state, *constant) for constant in job.constants]
        self._hand_over(state, [None if h == -1 else exchange.get_internal_variable_value(state, h) for h in handles])

    def _keep_apart(self, state: Any, band: Band) -> None:
        """Set a thermostat's overridden set-points for this step; one that crosses the other stops at it."""
        heating, cooling = self._held.get(band.heating), self._held.get(band.cooling)
        if heating is None and cooling is None:
            return
        asked, limit = (
            self._exchange.get_variable_value(state, self._variables[schedule]) if held is None else held
            for held, schedule in ((heating, band.heating_schedule), (cooling, band.cooling_schedule))
        )
        if heating is not None:
            self._exchange.set_actuator_value(state, self._actuators[band.heating], min(asked, limit))
        if cooling is not None:
            least = limit if heating is not None else max(asked, limit)
            self._exchange.set_actuator_value(state, self._actuators[band.cooling], least)

    def _share(self, state: Any) -> None:
        for position, share in self._shares.items():
            times, back = self._job.actuators[position].times, self._job.actuators[position].back
            if times is not None and self._variables[times] != -1:
                flow = self._exchange.get_variable_value(state, self._variables[times])
                returned = flow if back is None else self._exchange.get_variable_value(state, self._variables[back])
                if flow > _NO_FLOW and returned > _NO_FLOW:
                    outdoor = max(share * flow, flow - returned)
                    self._exchange.set_actuator_value(state, self._actuators[position], outdoor)
                else:
                    # Outdoor air held at a share of no flow keeps the fan from starting: the model starts it. Where
                    # nothing returns, it is all outdoor air anyway, or an exhaust fan has just begun to starve the
                    # system, which would stay so: the model brings its flow back.
                    self._exchange.reset_actuator(state, self._actuators[position])

    def _insist(self, state: Any) -> None:
        for position, value in self._insisted.items():
            self._exchange.set_actuator_value(state, self._actuators[position], value)

    def _end(self, state: Any) -> None:
        # Only here does a meter show its whole zone time step; within it, it shows a running sum of system steps.
        for position, handle in enumerate(self._meters):
            if handle != -1:
                self._energy_j[position] += self._exchange.get_meter_value(state, handle)
        self._steps += 1
        self._due -= 1
        if self._due <= 0:
            self._hand_over(state)

    def _hand_over(self, state: Any, constants: Sequence[float | None] = ()) -> None:
        exchange = self._exchange
        self._send(
            Report(
                self._steps,
                exchange.num_time_steps_in_hour(state),
                [None if h == -1 else exchange.get_variable_value(state, h) for h in self._variables],
                [None if h == -1 else j for h, j in zip(self._meters, self._energy_j, strict=True)],
                [handle != -1 for handle in self._actuators],
                list(constants),
            )
        )
        order = self._orders()
        if order is None:
            self._stop(state)
            return
        self._due = order.steps
        for position, value in order.writes:
            self._write(state, position, value)

    def _write(self, state: Any, position: int, value: float | None) -> None:
        handle, actuator = self._actuators[position], self._job.actuators[position]
        if value is None:
            self._shares.pop(position, None)
            self._insisted.pop(position, None)
            self._held.pop(position, None)
            self._exchange.reset_actuator(state, handle)
        elif actuator.times is not None:
            self._shares[position] = value
        elif actuator.insist:
            self._insisted[position] = value
        elif position in self._banded:
            self._held[position] = value
        else:
            self._exchange.set_actuator_value(state, handle, value)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output, the latter kept from anything else that prints."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, out


def main(arguments: Sequence[str]) -> int:
    """Run the job in the file named first; returns the exit status."""
    from pyenergyplus.api import EnergyPlusAPI  # noqa: PLC0415 - only here is the engine needed

    job = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Job)
    source, sink = _pipes()

    def orders() -> Order | None:
        line = source.readline()
        return msgspec.json.decode(line, type=Order) if line.strip() else None

    def send(message: Report | Ended) -> None:
        sink.write(msgspec.json.encode(message) + b"\n")
        sink.flush()

    engine = Engine(EnergyPlusAPI(), job, orders, send)
    status = engine.run()
    if engine.failure is not None:
        raise engine.failure
    send(Ended(status))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
