"""The two sites of the demo as configuration: real Cambridge buildings, the simulated Turin library."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Final

from core.config.control import Control, HeatingSeason
from core.config.models import Building, Config, Device, DevicePoint, Gateway, Registry, Site, SqliteStore, Store
from core.errors import ConfigError
from core.points import Measure, Plausible
from simulators import calvino

ARCHIVE: Final = Path(__file__).parents[2] / "data" / "cambridge"
CAMBRIDGE: Final = Site(
    id="cambridge", name="University of Cambridge", timezone="Europe/London", country="GB", subdivision="ENG"
)
TORINO: Final = Site(
    id="torino", name="City of Turin", timezone="Europe/Rome", country="IT", subdivision="TO",
    latitude=45.07, longitude=7.69,
)  # fmt: skip
LIBRARY: Final = calvino.BUILDING
LIBRARY_START: Final = date(2025, 1, 13)
OUTDOOR: Final = "cambridge/weather/outdoor-temperature"
_BRICK: Final = {"electricity": "Building_Electrical_Meter", "gas": "Building_Gas_Meter"}
ARCHIVE_POLL_S: Final = 3600.0
LIBRARY_POLL_S: Final = 900.0


def archive_meters() -> dict[str, list[str]]:
    """Meters by building id, as the archive's buildings.csv lists them.

    Raises
    ------
    ConfigError
        The sample is not there: the demo runs from a checkout.
    """
    path = ARCHIVE / "buildings.csv"
    if not path.is_file():
        raise ConfigError(f"{path} is missing: the demo runs from a checkout of the repository")
    with path.open(encoding="utf-8", newline="") as file:
        return {
            f"cambridge/{row['building']}": [f"cambridge/{row['building']}/{m}" for m in row["meters"].split("+")]
            for row in csv.DictReader(file)
        }


def archive_years() -> tuple[int, int]:
    """The year the baselines are fitted on, and the one in which the gap is followed."""
    with (ARCHIVE / "buildings.csv").open(encoding="utf-8", newline="") as file:
        first = {int(float(row["train_year_electricity"])) for row in csv.DictReader(file)}
    return min(first), min(first) + 1


def archive_gateway(directory: Path) -> Gateway:
    """A gateway that replays the archive."""
    meters = [meter for of_building in archive_meters().values() for meter in of_building]
    points = [
        DevicePoint(
            id=OUTDOOR,
            brick_class="Outside_Air_Temperature_Sensor",
            unit="Cel",
            plausible=Plausible(minimum=-30.0, maximum=45.0),
            source={"file": "weather.parquet", "column": "temp_c"},
        ),
        *(_archive_meter(meter) for meter in meters),
    ]
    device = Device(
        name="archive", driver="replay", options={"path": str(ARCHIVE), "time_column": "time_utc"},
        poll_every_s=ARCHIVE_POLL_S, points=points,
    )  # fmt: skip
    return Gateway(
        id="archive", site=CAMBRIDGE.id, devices=[device], spool=str(directory / "archive-spool.db"),
        state=str(directory / "archive-state.db"),
    )  # fmt: skip


def _archive_meter(meter: str) -> DevicePoint:
    _, building, kind = meter.split("/")
    return DevicePoint(
        id=meter,
        brick_class=_BRICK[kind],
        unit="kW.h",
        measure=Measure.INTERVAL,
        plausible=Plausible(minimum=0.0),
        source={"file": "meters.parquet", "column": "kwh", "where": {"building": building, "meter": kind}},
    )


def library_gateway(directory: Path, port: int) -> Gateway:
    """The gateway of the library, whose Modbus device listens on `port` of loopback."""
    return Gateway(
        id="calvino",
        site=TORINO.id,
        devices=[calvino.device("127.0.0.1", port, poll_every_s=LIBRARY_POLL_S)],
        frost_protection=calvino.frost_protection(),
        spool=str(directory / "calvino-spool.db"),
        state=str(directory / "calvino-state.db"),
    )


def platform(directory: Path) -> Config:
    """Everything on the server's side."""
    first, second = archive_years()
    buildings = [
        Building(
            id=building, meters=meters, outdoor_temperature=OUTDOOR,
            baseline_start=date(first, 1, 1), baseline_end=date(second, 1, 1),
        )
        for building, meters in archive_meters().items()
    ]  # fmt: skip
    return Config(
        sites=[CAMBRIDGE, TORINO],
        buildings=[*buildings, library()],
        store=Store(sqlite=SqliteStore(path=str(directory / "readings.db"))),
        registry=Registry(url=f"sqlite:///{directory / 'registry.db'}"),
    )


def library() -> Building:
    """The library and what control may do there."""
    points = {point.id for point in calvino.device_points()}
    outdoor = f"{LIBRARY}/outdoor-temperature"
    return Building(
        id=LIBRARY,
        name="Biblioteca civica Italo Calvino (simulated)",
        floor_area_m2=calvino.design().floor_m2,
        meters=[f"{LIBRARY}/electricity", f"{LIBRARY}/gas"],
        outdoor_temperature=outdoor,
        solar_irradiance=f"{LIBRARY}/solar-irradiance",
        control=Control(
            mode="drive",
            occupied=list(calvino.OPENING),
            comfort_minimum=20.0,
            comfort_maximum=26.0,
            setback=15.0,
            setpoints=sorted(point for point in points if point.endswith("/heating-setpoint")),
            supply_setpoint=f"{LIBRARY}/supply-temperature-setpoint",
            outdoor_temperature=outdoor,
            heating_seasons=[
                HeatingSeason(
                    start=date(year, 10, 15),
                    end=date(year + 1, 4, 15),
                    source="DPR 74/2013, climate zone E",
                    daily_from="05:00",
                    daily_to="23:00",
                )
                for year in range(LIBRARY_START.year - 1, LIBRARY_START.year + 10)
            ],
        ),
    )
