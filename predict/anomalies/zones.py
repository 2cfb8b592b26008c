"""Zone thermometers against their twins: what each zone's twin, and the other zones, say that it should read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from core.calendar import Calendar, Step
from core.config.models import Building
from core.errors import DomainError
from core.points import Point
from core.units import convert
from predict.anomalies.twin import WINDOW_H, Agreement, learn_agreement
from predict.causes.roles import Carrier, Role, known_unit, meter_kind, role_of
from predict.fit import find_outdoors, find_point
from predict.series import Floats, Times, hour_edges, hourly_energy
from predict.twin.lag import filled
from predict.twin.network import WALL_H, Drive, Network, State, drive
from predict.twin.thermal import ThermalTwin
from stores.port import ReadingStore
from stores.registry import Registry

KIND: Final = "zone-twins"
"""Of the twins of a building's zones among the registry's models; they are kept under the building's id."""
RULE: Final = "sensor-against-twin"
COLD_BELOW_C: Final = 14.0
"""Twins are judged in the heating season only: while the mean of three days lies below this."""
MEMORY_H: Final = 35 * 24
"""After so long a twin has forgotten the temperature that it began with, and with it what its sensor said then."""
SETTLING_H: Final = 14 * 24
FIT_SHARE: Final = 0.6
"""Of the reference period, that a twin is fitted on; how well it agrees is learnt from the rest."""
LEAST_HOURS: Final = 42 * 24
REFERENCE_H: Final = 56 * 24
"""Length of the reference period where none is configured."""
MANY_ZONES: Final = 4
FEW_ZONES_MARGIN: Final = 2.0
"""With fewer zones than `MANY_ZONES` what they have in common is not known well, and spring's sun is not in winter's
reference: limits are so much wider."""
LEAST_K: Final = 0.7
"""A smaller deviation of a day is the sensor's own business."""
DRIVEN_H: Final = 72
UNKNOWN_SHARE: Final = 0.1
"""Where more of the last `DRIVEN_H` is unknown, a twin has run on guesses."""
_FORMAT: Final = 1
Bools: TypeAlias = npt.NDArray[np.bool_]


class ZoneTwin(msgspec.Struct, frozen=True):
    """The twin of one zone.

    Attributes
    ----------
    coefficients, mass_h
        Of its `Network`, in steps of an hour.
    bias_k
        Usual (measured - twin) of the zone by itself.
    agreement
        How well the sensor agrees with what twin and other zones say together.
    """

    coefficients: list[float]
    mass_h: list[float]
    bias_k: float
    agreement: Agreement

    @property
    def network(self) -> Network:
        """Ready to run."""
        return Network(np.array(self.coefficients), tuple(self.mass_h), 1.0)


class ZoneTwins(msgspec.Struct, frozen=True):
    """Twins of a building's zones by the point id of their sensors, and why others have none.

    Attributes
    ----------
    sunniest_w_m2
        Mean irradiance of the sunniest day of the reference period; brighter days are beyond what a twin has seen.
    """

    format: int
    sunniest_w_m2: float
    twins: dict[str, ZoneTwin]
    missing: dict[str, str]

    def to_bytes(self) -> bytes:
        """For the registry; opens with `from_bytes`."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, blob: bytes) -> ZoneTwins:
        """Twins of a blob; DomainError when it holds none of ours."""
        try:
            found = msgspec.msgpack.decode(blob, type=cls)
        except msgspec.DecodeError as error:
            raise DomainError(f"not the twins of a building's zones: {error}") from error
        if found.format != _FORMAT:
            raise DomainError(f"twins of zones in format {found.format}, wanted {_FORMAT}")
        return found


@dataclass(frozen=True, slots=True)
class ZoneHours:
    """Consecutive hours of a building's zones.

    Attributes
    ----------
    time_ms
        Shape (n,): start of each hour, UTC milliseconds.
    cold
        Shape (n,): whether the hour belongs to the heating season.
    measured_c
        Shape (n,) for each sensor's point id, NaN where unknown.
    drives
        What acted on each sensor's zone. Nobody measures the heat of a zone, so the building's stands for it: all that
        a twin needs is that the zone's share of it stays the same.
    """

    time_ms: Times
    cold: Bools
    measured_c: Mapping[str, Floats]
    drives: Mapping[str, Drive]

    def part(self, rows: slice) -> ZoneHours:
        """Some of the hours."""
        return ZoneHours(
            self.time_ms[rows],
            self.cold[rows],
            {name: values[rows] for name, values in self.measured_c.items()},
            {name: acts.part(rows) for name, acts in self.drives.items()},
        )


def zone_sensors(points: Sequence[Point]) -> list[Point]:
    """Thermometers of zones."""
    return [p for p in points if p.zone is not None and _role(p) is Role.TEMPERATURE]


def read_zones(
    store: ReadingStore, registry: Registry, building: Building, calendar: Calendar, start_ms: int, end_ms: int
) -> ZoneHours:
    """The hours that cover ``[start_ms, end_ms)``, as the store knows them.

    Raises
    ------
    NotFoundError
        The outdoor temperature or a meter is not in the registry.
    DomainError
        No meter tells of heating.
    """
    points = registry.points(building.id)
    outdoors = find_outdoors(registry, building.outdoor_temperature, building.solar_irradiance, building.id)
    outdoor, sun = outdoors.hours(store, start_ms, end_ms, calendar)
    heating, electricity = _energies(store, registry, building, calendar, start_ms, end_ms)
    edges = hour_edges(start_ms, end_ms, calendar)

    def hours_of(point: Point) -> Floats:
        mean = np.asarray(store.aggregate(point.id, int(edges[0]), int(edges[-1]), Step.HOUR, calendar).mean)
        zero = convert(0.0, point.unit, "Cel") if _role(point) is not Role.PEOPLE else 0.0
        scale = 1.0 if _role(point) is Role.PEOPLE else convert(1.0, point.unit, "Cel") - zero
        return np.asarray(mean * scale + zero, np.float64)

    measured, drives = {}, {}
    for sensor in zone_sensors(points):
        mates = [p for p in points if p.zone == sensor.zone]
        people = [hours_of(p) for p in mates if _role(p) is Role.PEOPLE]
        told = [hours_of(p) for p in mates if _role(p) is Role.HEATING_SETPOINT]
        measured[sensor.id] = hours_of(sensor)
        drives[sensor.id] = drive(
            outdoor,
            heating,
            sun_w_m2=None if sun is None else filled(sun),
            people=filled(np.sum(people, axis=0)) if people else None,
            electricity_kwh=None if electricity is None else filled(electricity),
            running=_raised(filled(told[0])) if told else None,
        )
    return ZoneHours(edges[:-1], _cold(outdoor), measured, drives)


def fit_zones(hours: ZoneHours) -> ZoneTwins:
    """Twins of all zones, and how well their sensors agree with them, from a reference period; no I/O.

    Raises
    ------
    DomainError
        No zone is known for long enough.
    """
    split = int(np.searchsorted(np.cumsum(hours.cold), FIT_SHARE * hours.cold.sum()))
    fitted: dict[str, ThermalTwin] = {}
    missing: dict[str, str] = {}
    for sensor, measured in hours.measured_c.items():
        cold = np.where(hours.cold, measured, np.nan)
        known = int(np.isfinite(cold + hours.drives[sensor].heat_kwh).sum())
        if known < LEAST_HOURS:
            missing[sensor] = (
                f"its twin needs {LEAST_HOURS // 24} days of the heating season in the reference period, "
                f"{known // 24} are known"
            )
            continue
        fitted[sensor] = ThermalTwin().fit(cold[:split], hours.drives[sensor].part(slice(0, split)))
    runs = {s: _free_run(twin.network_, hours.measured_c[s], hours.drives[s]) for s, twin in fitted.items()}
    judged = {s: np.where(hours.cold, hours.measured_c[s], np.nan) for s in fitted}
    biases = {s: float(np.nanmedian((judged[s] - run)[SETTLING_H:])) for s, run in runs.items()}
    predicted = _put_right(runs, biases, hours)
    rest = slice(split, None)
    twins = {}
    for sensor, twin in fitted.items():
        try:
            agreement = learn_agreement(hours.time_ms[rest], judged[sensor][rest], predicted[sensor][rest], LEAST_K)
        except DomainError as error:
            missing[sensor] = error.message
            continue
        if len(fitted) < MANY_ZONES:
            agreement = Agreement(agreement.bias, FEW_ZONES_MARGIN * agreement.limit)
        twins[sensor] = ZoneTwin(twin.network_.coefficients.tolist(), list(twin.mass_h), biases[sensor], agreement)
    if not twins:
        raise DomainError("zones: " + next(iter(missing.values()), "nothing is measured in them"))
    return ZoneTwins(_FORMAT, float(np.max(_sun(hours)[hours.cold])), twins, missing)


def expected_c(twins: ZoneTwins, hours: ZoneHours) -> dict[str, Floats]:
    """What each sensor should read, shape (n,) by its point id; NaN where its twin cannot tell.

    That is outside of the heating season, on days sunnier than those it was fitted on, and while weather or heat is
    unknown. The first `MEMORY_H` of `hours` still know what the sensors said before them; no I/O.
    """
    mine = {s: twin for s, twin in twins.twins.items() if s in hours.measured_c}
    runs = {s: _free_run(twin.network, hours.measured_c[s], hours.drives[s]) for s, twin in mine.items()}
    told = _put_right(runs, {s: twin.bias_k for s, twin in mine.items()}, hours)
    seen = hours.cold & (_sun(hours) <= twins.sunniest_w_m2)
    return {s: np.where(seen & _driven(hours.drives[s]), values, np.nan) for s, values in told.items()}


def _put_right(runs: Mapping[str, Floats], biases: Mapping[str, float], hours: ZoneHours) -> dict[str, Floats]:
    """Free runs of the twins, put right by what the twins of the other zones are wrong by at the same time.

    That is the weather's, the plant's or the people's doing; what one sensor has for itself is not.
    """
    errors = {s: hours.measured_c[s] - run - biases[s] for s, run in runs.items()}
    return {s: run + _in_common(errors[s], [e for o, e in errors.items() if o != s]) for s, run in runs.items()}


def _in_common(own: Floats, others: Sequence[Floats]) -> Floats:
    """Error that the other zones share: the median of three or more; of two, the one that is nearer by the day."""
    if len(others) < 2:
        return np.zeros_like(own)
    if len(others) > 2:
        columns = np.stack(others, 1)
        known = np.isfinite(columns).any(axis=1)
        middle = np.zeros(len(own))
        middle[known] = np.nanmedian(columns[known], axis=1)
        return middle
    first, second = (filled(other) for other in others)
    mean = np.ones(WINDOW_H) / WINDOW_H
    far = [np.abs(np.convolve(filled(own) - other, mean)[: len(own)]) for other in (first, second)]
    return np.where(far[0] <= far[1], first, second)


def _free_run(network: Network, measured: Floats, acts: Drive) -> Floats:
    """Temperature of each hour by the twin alone: the sensor is asked for the beginning only, shape (n,)."""
    outdoor, heat, sun, people, electricity, running = (filled(values) for values in acts.columns())
    whole = Drive(
        outdoor_c=outdoor,
        heat_kwh=heat,
        sun_w_m2=sun,
        people=people,
        electricity_kwh=electricity,
        running=running,
    )
    first = filled(measured)[:24]
    start = State(
        float(first[0]),
        np.full(len(network.mass_h), float(first.mean())),
        float(outdoor[: round(WALL_H)].mean()),
        float(heat[0]),
    )
    return np.concatenate([[start.inside_c], network.simulate(start, whole)[:-1]])


def _energies(
    store: ReadingStore, registry: Registry, building: Building, calendar: Calendar, start_ms: int, end_ms: int
) -> tuple[Floats, Floats | None]:
    """Energy of heating, and electricity that becomes heat by the way, kWh per hour."""
    by_carrier: dict[Carrier, list[Floats]] = {}
    for meter_id in building.meters:
        meter = find_point(registry, meter_id, f"meter of {building.id}")
        kwh = hourly_energy(store, meter, start_ms, end_ms, calendar).kwh
        by_carrier.setdefault(meter_kind(meter.brick_class, meter.id).carrier, []).append(kwh)
    sums = {carrier: np.asarray(np.sum(rows, axis=0), np.float64) for carrier, rows in by_carrier.items()}
    electricity = sums.get(Carrier.ELECTRICITY)
    for carrier in (Carrier.HEAT, Carrier.GAS, Carrier.FUEL):
        if carrier in sums:
            return sums[carrier], electricity
    if electricity is None:
        raise DomainError("no meter of the building tells of heating, so its zones have no twins")
    return electricity, None


def _driven(acts: Drive) -> Bools:
    """Whether weather and heat of the last three days are known well enough to run on, shape (n,)."""
    unknown = ~np.isfinite(acts.outdoor_c + acts.heat_kwh)
    return np.convolve(unknown, np.ones(DRIVEN_H))[: len(unknown)] <= UNKNOWN_SHARE * DRIVEN_H


def _sun(hours: ZoneHours) -> Floats:
    """Mean irradiance of the day before each hour's end, W/m2; zeros where nobody measures it."""
    sun = next((acts.sun_w_m2 for acts in hours.drives.values()), np.zeros(len(hours.time_ms)))
    return np.asarray(np.convolve(filled(sun), np.ones(24) / 24)[: len(sun)], np.float64)


def _cold(outdoor_c: Floats) -> Bools:
    whole = filled(outdoor_c)
    sums = np.convolve(whole, np.ones(DRIVEN_H))[: len(whole)]
    mean = sums / np.minimum(np.arange(1, len(whole) + 1), DRIVEN_H)
    return np.asarray((mean < COLD_BELOW_C) & np.isfinite(outdoor_c))


def _raised(setpoint_c: Floats) -> Floats:
    """Whether a set-point is up from its set-back."""
    low, high = np.quantile(setpoint_c, 0.1), np.quantile(setpoint_c, 0.9)
    return np.asarray(setpoint_c > (low + high) / 2, np.float64)


def _role(point: Point) -> Role:
    try:
        return role_of(point.brick_class, known_unit(point.unit), point.id.rsplit("/", 1)[-1])
    except DomainError:
        return Role.OTHER
