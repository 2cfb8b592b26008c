"""Any building of an FMU (FMI 2.0, co-simulation) as a simulated building, BOPTEST's among them; FMPy runs it."""

from __future__ import annotations

import contextlib
import ctypes
import math
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

from core.errors import ConfigError, DomainError, NotFoundError, UnavailableError
from simulators.fmi.description import Description, Variable, read
from simulators.fmi.naming import Naming, read_naming
from simulators.fmi.points import FmuPoint, Signal, points_of

_DAY_S: Final = 86_400
_FATAL: Final = 4
"""Status after which an FMU must not be called again, not even to be freed."""


class FmuBuilding:
    """A building of an FMU behind `simulators.port.DescribedBuilding`.

    Points are found from ``modelDescription.xml`` (`simulators.fmi.points`). An input ``x_u`` with ``x_activate`` can
    be written and handed back with NaN; any other input can be written, and NaN gives it its start value back.
    Temperatures are in Celsius, powers in kW; powers are also added up to registers in kW.h that begin at 0.
    The FMU runs in this process: if it crashes, so does the process.

    Parameters
    ----------
    fmu
        The file.
    first, end
        Local dates, half open. The FMU's time is the seconds since the 1 January of the year of `first`, as BOPTEST's.
    utc_offset_h
        Hours by which the FMU's local standard time is ahead of UTC.
    step_s
        Communication step in seconds, a part of a day; energy is the trapezium rule over it.
    warmup_days
        Days that the FMU runs by itself before `first`, but not before its 1 January; BOPTEST takes 7.
    naming
        `simulators.fmi.naming.Naming`, or a file with one, for what the description does not say.
    tags
        BOPTEST's ``kpis.json``, where it is not in the FMU's resources.

    Attributes
    ----------
    points
        What there is (`simulators.fmi.points.FmuPoint`).
    left_out
        Names of variables that are no points, and why.

    Raises
    ------
    ConfigError
        FMPy is not installed, the file is no FMU for co-simulation with FMI 2.0, has no library for this machine, or
        the naming file speaks of what it does not have.
    UnavailableError
        The FMU does not start; the message has its own words.
    """

    def __init__(
        self,
        fmu: Path | str,
        first: date,
        end: date,
        *,
        utc_offset_h: float = 0.0,
        step_s: int = 300,
        warmup_days: int = 0,
        naming: Naming | Path | str | None = None,
        tags: Path | str | None = None,
    ) -> None:
        if end <= first:
            raise ConfigError(f"a run must end after {first}, not on {end}")
        if step_s <= 0 or _DAY_S % step_s or warmup_days < 0:
            raise ConfigError(f"a step of {step_s} s is no part of a day, or {warmup_days} days cannot be run before")
        self._description = read(Path(fmu), tags=None if tags is None else Path(tags))
        said = read_naming(Path(naming)) if isinstance(naming, str | Path) else naming
        found = points_of(self._description, said)
        self.points: tuple[FmuPoint, ...] = found.points
        self.left_out = dict(found.left_out)
        self._points = {point.name: point for point in self.points}
        self._step_s = step_s
        january = date(first.year, 1, 1)
        offset = timedelta(hours=utc_offset_h)
        self._zero_ms = int((datetime(january.year, 1, 1, tzinfo=UTC) - offset).timestamp() * 1000)
        self._end_s = (end - january).days * _DAY_S
        start_s = (first - january).days * _DAY_S
        self._now_s = max(0, start_s - warmup_days * _DAY_S)
        self._energy = {point.name: 0.0 for point in self.points if point.register}
        self._pending: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._run = _Run(Path(fmu), self._description, self._read_variables(), self._now_s)
        try:
            self._values = self._run.values()
            self._advance(start_s)
        except BaseException:
            self.close()
            raise
        self._energy = dict.fromkeys(self._energy, 0.0)

    def _read_variables(self) -> list[Variable]:
        return list({s.variable.name: s.variable for point in self.points for s in point.reads}.values())

    @property
    def time_ms(self) -> int:
        """How far it has been simulated, UTC milliseconds."""
        return self._zero_ms + self._now_s * 1000

    @property
    def end_ms(self) -> int:
        """Until when it can be simulated, UTC milliseconds."""
        return self._zero_ms + self._end_s * 1000

    @property
    def step_ms(self) -> int:
        """Communication step, milliseconds."""
        return self._step_s * 1000

    @property
    def names(self) -> Sequence[str]:
        """Names of everything that can be read."""
        return tuple(self._points)

    @property
    def writable(self) -> Sequence[str]:
        """Those of `names` that can be written."""
        return tuple(name for name, point in self._points.items() if point.writes is not None)

    def step(self, until_ms: int) -> None:
        """Simulate up to `until_ms` in whole communication steps; an earlier time changes nothing.

        Raises
        ------
        DomainError
            `until_ms` is beyond `end_ms`.
        UnavailableError
            The FMU fails, has failed before or is closed.
        """
        if until_ms > self.end_ms:
            raise DomainError(f"the run ends at {self.end_ms}, before {until_ms}")
        self._advance((until_ms - self._zero_ms) // 1000)

    def _advance(self, until_s: int) -> None:
        while self._now_s + self._step_s <= until_s:
            for name, value in self._pending.items():
                self._apply(self._points[name], value)
            self._pending.clear()
            before = self._powers()
            self._run.step(self._now_s, self._step_s)
            self._values = self._run.values()
            self._now_s += self._step_s
            for name, after in self._powers().items():
                self._energy[name] += (before[name] + after) / 2 * self._step_s / 3600

    def _apply(self, point: FmuPoint, value: float) -> None:
        """Set the inputs of a point; NaN takes them back."""
        assert point.writes is not None  # noqa: S101 - only such points are pending
        back = math.isnan(value)
        if point.activate is not None:
            self._run.set(point.activate, 0.0 if back else 1.0)
        if not back:
            self._run.set(point.writes.variable, point.writes.scale.model(value))
        elif point.activate is None:
            self._run.set(point.writes.variable, _start(point.writes))
        self._asked[point.name] = value

    def _powers(self) -> dict[str, float]:
        """Power that each register counts now, kW; what is fed back counts nothing."""
        return {name: max(0.0, math.fsum(self._shown(s) for s in self._points[name].reads)) for name in self._energy}

    def _shown(self, signal: Signal) -> float:
        return signal.scale.point(self._values[signal.variable.name])

    def read(self, name: str) -> float:
        """Value at `time_ms`, for registers the kWh since the beginning.

        Of an input that the FMU does not show again: what was written last; before, and when it was handed back, its
        start value, or NaN where the FMU itself decides.
        """
        point = self._point(name)
        if point.register:
            return self._energy[name]
        if point.reads:
            return self._shown(point.reads[0])
        assert point.writes is not None  # noqa: S101 - a point is read, written or both
        asked = self._asked.get(name, math.nan)
        if math.isnan(asked) and point.activate is None:
            return point.writes.scale.point(_start(point.writes))
        return asked

    def write(self, name: str, value: float) -> None:
        """Set an input from the next step on, until NaN hands it back.

        Raises
        ------
        NotFoundError
            There is no such point.
        DomainError
            It cannot be written, or not to that value.
        """
        point = self._point(name)
        if point.writes is None:
            raise DomainError(f"{name} cannot be written")
        if math.isinf(value) or not (math.isnan(value) or point.low <= value <= point.high):
            raise DomainError(f"{name} takes {point.low:g} to {point.high:g}, not {value:g}")
        self._pending[name] = value

    def _point(self, name: str) -> FmuPoint:
        try:
            return self._points[name]
        except KeyError:
            raise NotFoundError(f"the building has no {name!r}") from None

    def close(self) -> None:
        """End the run and free the FMU; last values can still be read."""
        self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _start(signal: Signal) -> float:
    """Start value of an input, which FMI wants and not every tool gives."""
    return 0.0 if math.isnan(signal.variable.start) else signal.variable.start


class _Run:
    """One instance of an FMU, from its library's loading to its end."""

    def __init__(self, fmu: Path, description: Description, variables: Sequence[Variable], start_s: float) -> None:
        if find_spec("fmpy") is None:
            raise ConfigError("FMPy is not installed: pip install 'promessa[fmu]'")
        import fmpy  # noqa: PLC0415 - an extra
        from fmpy.fmi2 import FMU2Slave  # noqa: PLC0415

        if fmpy.platform not in description.platforms:
            there = ", ".join(sorted(description.platforms)) or "none"
            raise ConfigError(f"{fmu} has no library for {fmpy.platform}; there is {there}")
        self._said: deque[str] = deque(maxlen=3)
        self._failure = ""
        self._fatal = False
        self._slave: Any = None
        self._readers: list[tuple[str, list[str], list[int]]] = []
        for reader, kinds in (
            ("getReal", {"Real"}),
            ("getInteger", {"Integer", "Enumeration"}),
            ("getBoolean", {"Boolean"}),
        ):
            chosen = [v for v in variables if v.kind in kinds]
            if chosen:
                self._readers.append((reader, [v.name for v in chosen], [v.reference for v in chosen]))
        self._unpacked = Path(tempfile.mkdtemp(prefix="promessa-fmu-"))
        try:
            with self._asking("start"):
                fmpy.extract(str(fmu), unzipdir=str(self._unpacked))
                # FMPy stays in the library's directory when that cannot be loaded.
                with contextlib.chdir(Path.cwd()):
                    self._slave = FMU2Slave(
                        guid=description.guid,
                        modelIdentifier=description.identifier,
                        unzipDirectory=str(self._unpacked),
                        instanceName="building",
                    )
                self._slave.instantiate(callbacks=self._callbacks(), loggingOn=False)
                self._slave.setupExperiment(startTime=float(start_s))
                self._slave.enterInitializationMode()
                self._slave.exitInitializationMode()
        except BaseException:
            self.close()
            raise

    def _callbacks(self) -> Any:
        """What the FMU may call: memory, and a logger that keeps its last words."""
        from fmpy import calloc, fmi2, free  # noqa: PLC0415

        def keep(_environment: Any, _instance: bytes, status: int, _category: bytes, message: bytes) -> None:
            if status > 0 and message:
                self._said.append(message.decode(errors="replace").strip())

        callbacks = fmi2.fmi2CallbackFunctions()
        callbacks.logger = fmi2.fmi2CallbackLoggerTYPE(keep)
        callbacks.allocateMemory = fmi2.fmi2CallbackAllocateMemoryTYPE(calloc)
        callbacks.freeMemory = fmi2.fmi2CallbackFreeMemoryTYPE(free)
        # Without FMPy's proxy, messages keep their placeholders.
        with contextlib.suppress(ImportError, OSError):
            from fmpy.logging import addLoggerProxy  # noqa: PLC0415

            addLoggerProxy(ctypes.byref(callbacks))
        return callbacks

    @contextlib.contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn whatever FMPy raises into our error with the FMU's own words; after it the FMU is not asked again."""
        if self._failure:
            raise UnavailableError(self._failure)
        try:
            yield
        except Exception as error:
            self._fatal = getattr(error, "status", None) == _FATAL
            words = "; ".join(self._said) or "it gives no reason"
            self._failure = f"the FMU did not {what}: {words} ({error})"
            raise UnavailableError(self._failure) from error

    def set(self, variable: Variable, value: float) -> None:
        """Set an input, in the FMU's unit."""
        with self._asking(f"take {variable.name}"):
            if variable.kind == "Real":
                self._slave.setReal([variable.reference], [value])
            elif variable.kind == "Boolean":
                self._slave.setBoolean([variable.reference], [bool(value)])
            else:
                self._slave.setInteger([variable.reference], [round(value)])

    def values(self) -> dict[str, float]:
        """Value of each variable, in the FMU's unit."""
        found: dict[str, float] = {}
        with self._asking("show its values"):
            for reader, names, references in self._readers:
                read: Callable[[list[int]], list[float]] = getattr(self._slave, reader)
                found.update(zip(names, map(float, read(references)), strict=True))
        return found

    def step(self, now_s: float, step_s: float) -> None:
        """Simulate one communication step."""
        with self._asking(f"step from {now_s} s"):
            self._slave.doStep(currentCommunicationPoint=float(now_s), communicationStepSize=float(step_s))

    def close(self) -> None:
        """Free the instance, its library and its files."""
        slave, self._slave = self._slave, None
        if slave is not None and not self._fatal:
            # An FMU that has failed may only be freed, and one that fails while it ends has nothing more to say.
            with contextlib.suppress(Exception):
                if slave.component is not None:
                    if not self._failure:
                        slave.terminate()
                    slave.freeInstance()
        self._failure = self._failure or "the FMU is closed"
        shutil.rmtree(self._unpacked, ignore_errors=True)
