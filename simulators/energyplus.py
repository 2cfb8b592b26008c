"""Any EnergyPlus model and weather file as a simulated building; the engine runs in a process of its own."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

import msgspec

from core.errors import ConfigError, DomainError, NotFoundError, UnavailableError
from simulators.engine import Ended, Job, Order, Report
from simulators.idf.model import Idf, for_run, reporting
from simulators.idf.points import J_PER_KWH, ModelPoint, exchange_of, present, running

_ROOT: Final = Path(__file__).resolve().parent.parent
REPORTED_VARIABLES: Final = ("Zone Mean Air Temperature", "Zone People Occupant Count")
REPORTED_METERS: Final = (
    "Heating:NaturalGas",
    "Heating:Electricity",
    "Cooling:Electricity",
    "Fans:Electricity",
    "Pumps:Electricity",
    "NaturalGas:Facility",
    "Electricity:Facility",
)
_FORCED_OFF, _FORCED_ON = 1.0, 2.0
"""What the engine's availability status of an air system means; None hands it back to the model's schedule."""


def utc_offset_h(weather: Path) -> float:
    """Hours by which the standard time of an EPW file is ahead of UTC.

    Raises
    ------
    ConfigError
        It cannot be read, or is no EPW file.
    """
    try:
        with weather.open(encoding="latin-1") as file:
            return float(file.readline().removeprefix("LOCATION").split(",")[8])
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{weather} is not a readable EPW file: {error}") from error


class EnergyPlusBuilding:
    """A building of EnergyPlus behind `simulators.port.SimulatedBuilding`.

    Points are found from the model (`simulators.idf.points`): per zone with a thermostat its temperature, people and
    set-points in force; per air system whether its fan runs and its share of outdoor air; the weather; and registers in
    kWh per carrier and end use that begin at 0. Set-points, fan and outdoor air can be written; NaN hands a point back
    to the model's own schedules. A heating set-point never passes the cooling set-point in force, nor the reverse: what
    is asked beyond it stops there, as at a real thermostat.

    Parameters
    ----------
    model, weather
        IDF and EPW.
    first, end
        Local dates, half open, within one year; the year gives the weekdays. An EPW file is the same every year.
    steps_per_hour
        Zone time steps an hour; None: as the model says.
    changes
        Edits of the model before it runs, for example of `simulators.idf.causes`.
    output
        Directory that keeps the engine's files, among them ``eplusout.sql`` with `variables` and `meters` at each zone
        time step; None: nothing is kept.

    Raises
    ------
    ConfigError
        The engine is not installed, a file is not readable, or the model has no thermostat.
    UnavailableError
        The engine refuses the model; the message has the engine's own words.
    """

    def __init__(
        self,
        model: Path | str,
        weather: Path | str,
        first: date,
        end: date,
        *,
        steps_per_hour: int | None = None,
        changes: Sequence[Callable[[Idf], Idf]] = (),
        output: Path | str | None = None,
        variables: Sequence[str] = REPORTED_VARIABLES,
        meters: Sequence[str] = REPORTED_METERS,
    ) -> None:
        if find_spec("pyenergyplus") is None:
            raise ConfigError("EnergyPlus is not installed: pip install 'promessa[energyplus]'")
        try:
            idf = Idf.parse(Path(model).read_text(encoding="latin-1"))
        except OSError as error:
            raise ConfigError(f"{model} cannot be read: {error}") from error
        for change in changes:
            idf = change(idf)
        self._offset = timedelta(hours=utc_offset_h(Path(weather)))
        self._start_ms = self._utc_ms(first)
        self._end_ms = self._utc_ms(end)
        self._exchange = exchange_of(idf)
        idf = for_run(idf, first, end, steps_per_hour=steps_per_hour)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        if output is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="promessa-energyplus-")
            self.output = Path(self._scratch.name)
        else:
            self.output = Path(output).resolve()
            self.output.mkdir(parents=True, exist_ok=True)
            idf = reporting(idf, variables, meters)
        self._writes: dict[int, float | None] = {}
        self._process = self._start(idf, Path(weather).resolve(), Path(model).resolve().parent)
        try:
            self._report = self._receive()
            self.points = self._found()
        except BaseException:
            self.close()
            raise
        areas = self._report.constants
        self.floor_area_m2 = {
            p.zone: area
            for p in self.points
            if p.constant is not None and (area := areas[p.constant]) is not None and area > 0
        }
        """Of each zone, by its name."""
        self._step_ms = 3_600_000 // self._report.steps_per_hour
        self._points = {point.name: point for point in self.points}

    def _utc_ms(self, day: date) -> int:
        return int((datetime(day.year, day.month, day.day, tzinfo=UTC) - self._offset).timestamp() * 1000)

    def _start(self, idf: Idf, weather: Path, home: Path) -> subprocess.Popen[bytes]:
        """Start the engine in the directory of the model, whose own files (schedules) are named from there."""
        model = self.output / "model.idf"
        model.write_text(idf.text(), encoding="latin-1")
        exchange = self._exchange
        job = Job(
            model=str(model),
            weather=str(weather),
            output=str(self.output),
            variables=exchange.variables,
            meters=exchange.meters,
            actuators=exchange.actuators,
            bands=exchange.bands,
            constants=exchange.constants,
        )
        described = self.output / "job.json"
        described.write_bytes(msgspec.json.encode(job))
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        with (self.output / "engine.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "simulators.engine", str(described)],
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
            )

    def _receive(self) -> Report:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if line:
            message = msgspec.json.decode(line, type=Report | Ended)
            if isinstance(message, Report):
                return message
        self._process.wait()
        raise UnavailableError(f"EnergyPlus stopped: {self._complaint()}", output=str(self.output))

    def _complaint(self) -> str:
        """First severe errors in the engine's own words, or the end of what its process said."""
        errors = self.output / "eplusout.err"
        said = errors.read_text(errors="replace").splitlines() if errors.exists() else []
        severe = [line.strip(" *") for line in said if "** Severe" in line or "**  Fatal" in line]
        log = self.output / "engine.log"
        last = log.read_text(errors="replace")[-300:].strip() if log.exists() else "its files are gone, it was closed"
        return "; ".join(severe[:3]) or last or "it gives no reason"

    def _found(self) -> tuple[ModelPoint, ...]:
        """Points that this model really has; a set-point without its actuator is an error, not a silence."""
        report = self._report
        found = [point for point in self._exchange.points if present(point, report.values, report.energy_j)]
        lacking = [
            p.name
            for p in found
            if p.actuator is not None and not all(report.actuators[a] for a in (p.actuator, *p.also))
        ]
        if lacking:
            raise UnavailableError(f"EnergyPlus gives no access to {', '.join(lacking)}")
        return tuple(found)

    @property
    def time_ms(self) -> int:
        """How far it has been simulated, UTC milliseconds."""
        return self._start_ms + self._report.steps * self._step_ms

    @property
    def end_ms(self) -> int:
        """Until when it can be simulated, UTC milliseconds."""
        return self._end_ms

    @property
    def step_ms(self) -> int:
        """Zone time step, milliseconds."""
        return self._step_ms

    @property
    def names(self) -> Sequence[str]:
        """Names of everything that can be read."""
        return tuple(self._points)

    @property
    def writable(self) -> Sequence[str]:
        """Those of `names` that can be written."""
        return tuple(name for name, point in self._points.items() if point.actuator is not None)

    def step(self, until_ms: int) -> None:
        """Simulate up to `until_ms` in whole zone time steps; an earlier time changes nothing.

        Raises
        ------
        DomainError
            `until_ms` is beyond `end_ms`.
        UnavailableError
            The engine stopped.
        """
        if until_ms > self._end_ms:
            raise DomainError(f"the run ends at {self._end_ms}, before {until_ms}")
        steps = (until_ms - self.time_ms) // self._step_ms
        if steps <= 0:
            return
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        order = Order(steps, list(self._writes.items()))
        self._writes.clear()
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise UnavailableError(f"EnergyPlus is gone: {self._complaint()}") from error
        self._report = self._receive()

    def read(self, name: str) -> float:
        """Value at `time_ms`: at the end of the last step, for meters the kWh since the beginning."""
        point = self._point(name)
        if point.kind == "meter":
            return math.fsum(self._report.energy_j[i] or 0.0 for i in point.meters) / J_PER_KWH
        values = [value if (value := self._report.values[i]) is not None else math.nan for i in point.variables]
        if point.kind == "sun":
            diffuse, direct, altitude = values
            return diffuse + direct * max(0.0, math.sin(math.radians(altitude)))
        return running(values[0]) if point.kind == "running" else values[0]

    def write(self, name: str, value: float) -> None:
        """Override a point from the next step on, until NaN hands it back to the model.

        Raises
        ------
        NotFoundError
            There is no such point.
        DomainError
            It cannot be written, or not to that value.
        """
        point = self._point(name)
        if point.actuator is None:
            raise DomainError(f"{name} cannot be written")
        if math.isnan(value):
            self._writes.update(dict.fromkeys((point.actuator, *point.also)))
            return
        if not point.low <= value <= point.high:
            raise DomainError(f"{name} takes {point.low:g} to {point.high:g}, not {value:g}")
        if point.kind == "running":
            value = _FORCED_ON if value else _FORCED_OFF
        self._writes.update(dict.fromkeys((point.actuator, *point.also), value))

    def _point(self, name: str) -> ModelPoint:
        try:
            return self._points[name]
        except KeyError:
            raise NotFoundError(f"the building has no {name!r}") from None

    def close(self) -> None:
        """End the run; what it wrote to `output` is complete up to `time_ms`."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shipped(model: str, weather: str) -> tuple[Path, Path]:
    """Return the paths of a model and a weather file that come with the engine.

    Parameters
    ----------
    model
        ``ref:small_office``, ``ashrae:office_small`` …
    weather
        ``usa_il_chicago`` …

    Raises
    ------
    ConfigError
        The engine is not installed or ships no such file.
    """
    try:
        from pyenergyplus import dataset  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("EnergyPlus is not installed: pip install 'promessa[energyplus]'") from error
    family, _, name = model.partition(":")
    models = {"ref": dataset.ref_models, "ashrae": dataset.ashrae_models}
    try:
        return Path(models[family][name]), Path(dataset.weather_files[weather])
    except KeyError as error:
        raise ConfigError(f"EnergyPlus ships no {error}") from error


def small_office(start_ms: int, *, seed: int = 0) -> EnergyPlusBuilding:
    """Return the DOE small office in Chicago, from the local day of `start_ms` to the end of its year."""
    del seed  # the engine has no chance in it
    model, weather = shipped("ref:small_office", "usa_il_chicago")
    local = datetime.fromtimestamp(start_ms / 1000, UTC) + timedelta(hours=utc_offset_h(weather))
    return EnergyPlusBuilding(model, weather, local.date(), date(local.year + 1, 1, 1))
