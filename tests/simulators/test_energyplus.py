"""EnergyPlus itself behind the port; collected where the extra ``energyplus`` is installed (see conftest.py)."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from core.clock import SimulatedClock
from core.errors import ConfigError, DeviceError, DomainError, NotFoundError, UnavailableError
from core.points import Limits
from core.schedule import Schedule
from gateway.drivers.modbus import ModbusDriver
from simulators.energyplus import EnergyPlusBuilding, shipped, small_office, utc_offset_h
from simulators.fieldmap import Drive, device_of
from simulators.idf.causes import raise_heating_setpoints
from simulators.idf.model import Idf, IdfObject
from simulators.port import DescribedBuilding, described, load
from tests.servers.modbus import free_port

pytestmark = pytest.mark.system
DAY_MS = 86_400_000
MONDAY, WEDNESDAY = date(2023, 1, 9), date(2023, 1, 11)


def office(**options: object) -> EnergyPlusBuilding:
    model, weather = shipped("ref:small_office", "usa_il_chicago")
    return EnergyPlusBuilding(model, weather, MONDAY, WEDNESDAY, steps_per_hour=4, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float], list[float]]:
    """Two days of the small office: its directory, last values, temperature of a zone each hour."""
    output = tmp_path_factory.mktemp("office")
    with office(output=output) as building:
        hours = []
        while building.time_ms < building.end_ms:
            building.step(building.time_ms + 3_600_000)
            hours.append(building.read("core-zn/temperature"))
        return output, {name: building.read(name) for name in building.names}, hours


@pytest.fixture
def building() -> Iterator[EnergyPlusBuilding]:
    with office() as found:
        yield found


def test_it_is_a_building_of_the_port() -> None:
    building: DescribedBuilding = described(load("simulators.energyplus:small_office")(1_673_244_000_000, seed=3))
    assert isinstance(building, EnergyPlusBuilding)
    with building:
        assert building.time_ms == 1_673_244_000_000  # midnight in Chicago's standard time
        assert set(building.writable) < set(building.names)
        assert {"core-zn/temperature", "perimeter-zn-4/heating-setpoint", "psz-ac-1/fan", "gas"} <= set(building.names)


def test_meters_agree_with_what_the_engine_itself_reports(
    recorded: tuple[Path, dict[str, float], list[float]],
) -> None:
    output, last, _ = recorded
    with sqlite3.connect(output / "eplusout.sql") as base:
        totals = dict(
            base.execute(
                "select d.Name, sum(r.Value) / 3.6e6 from ReportData r"
                " join ReportDataDictionary d using (ReportDataDictionaryIndex) where d.IsMeter = 1 group by d.Name"
            )
        )

    assert last["gas/heating"] == pytest.approx(totals["Heating:NaturalGas"], rel=1e-6)
    assert last["electricity/fans"] == pytest.approx(totals["Fans:Electricity"], rel=1e-6)
    assert last["gas"] == pytest.approx(totals["NaturalGas:Facility"], rel=1e-6)
    assert last["electricity"] == pytest.approx(totals["Electricity:Facility"], rel=1e-6)
    assert last["gas"] > 100


def test_temperatures_are_those_of_the_report(recorded: tuple[Path, dict[str, float], list[float]]) -> None:
    output, _, hours = recorded
    with sqlite3.connect(output / "eplusout.sql") as base:
        rows = base.execute(
            "select r.Value from ReportData r join ReportDataDictionary d using (ReportDataDictionaryIndex)"
            " where d.Name = 'Zone Mean Air Temperature' and d.KeyValue = 'CORE_ZN' order by r.TimeIndex"
        ).fetchall()

    assert len(rows) == 2 * 96
    # The report is a mean over the zone time step, the reading its end.
    assert hours == pytest.approx([value for (value,) in rows[3::4]], abs=0.6)


def test_stepping_stops_at_whole_steps_and_at_the_end(building: EnergyPlusBuilding) -> None:
    start = building.time_ms
    building.step(start + 20 * 60_000)
    assert building.time_ms == start + 15 * 60_000
    building.step(start)
    assert building.time_ms == start + 15 * 60_000
    with pytest.raises(DomainError, match="ends"):
        building.step(building.end_ms + 1)
    building.step(building.end_ms)
    assert building.time_ms == start + 2 * DAY_MS


def test_a_set_point_holds_until_it_is_handed_back(building: EnergyPlusBuilding) -> None:
    noon = building.time_ms + DAY_MS // 2
    building.write("core-zn/heating-setpoint", 18.5)
    building.step(noon)
    assert building.read("core-zn/heating-setpoint") == 18.5
    assert building.read("perimeter-zn-1/heating-setpoint") == 21.0
    building.write("core-zn/heating-setpoint", math.nan)
    building.step(noon + 3_600_000)
    assert building.read("core-zn/heating-setpoint") == 21.0


def test_set_points_that_would_cross_stop_at_each_other(building: EnergyPlusBuilding) -> None:
    building.write("core-zn/heating-setpoint", 25.5)  # at night the office cools from 26.7, by day from 24
    building.step(building.time_ms + 3_600_000)
    assert building.read("core-zn/heating-setpoint") == 25.5
    building.step(building.time_ms + DAY_MS // 2)
    assert building.read("core-zn/heating-setpoint") == building.read("core-zn/cooling-setpoint") == 24.0


def test_a_fan_is_forced_and_released(building: EnergyPlusBuilding) -> None:
    noon = building.time_ms + DAY_MS // 2
    building.write("psz-ac-1/fan", 0)
    building.write("psz-ac-2/fan", 1)
    building.step(building.time_ms + 3_600_000)
    assert building.read("psz-ac-2/fan") == 1
    building.step(noon)
    assert (building.read("psz-ac-1/fan"), building.read("psz-ac-3/fan")) == (0, 1)
    building.write("psz-ac-1/fan", math.nan)
    building.step(noon + 3_600_000)
    assert building.read("psz-ac-1/fan") == 1


def test_outdoor_air_takes_the_share_asked_for(building: EnergyPlusBuilding) -> None:
    building.write("psz-ac-1/outdoor-air", 0.4)
    building.step(building.time_ms + DAY_MS // 2)

    assert building.read("psz-ac-1/outdoor-air") == pytest.approx(0.4, abs=0.01)
    assert building.read("psz-ac-2/outdoor-air") < 0.3


def test_what_cannot_be_read_or_written_is_an_error(building: EnergyPlusBuilding) -> None:
    with pytest.raises(NotFoundError, match="attic"):
        building.read("attic/temperature")
    with pytest.raises(NotFoundError, match="attic"):
        building.write("attic/heating-setpoint", 20.0)
    with pytest.raises(DomainError, match="cannot be written"):
        building.write("gas", 1.0)
    with pytest.raises(DomainError, match="5 to 40"):
        building.write("core-zn/heating-setpoint", 60.0)


def test_two_buildings_run_side_by_side_and_a_cause_shows() -> None:
    with office() as one, office(changes=[lambda model: raise_heating_setpoints(model, 1.0)]) as warmer:
        for building in (one, warmer):
            building.step(building.end_ms)
        assert warmer.read("gas") > 1.05 * one.read("gas")


def test_a_model_that_the_engine_refuses_says_why(tmp_path: Path) -> None:
    def broken(model: Idf) -> Idf:
        return model.adding(IdfObject("Zone", ("Core_ZN",)))

    with pytest.raises(UnavailableError, match=r"(?i)duplicate"):
        office(changes=[broken], output=tmp_path)


def test_a_model_finds_the_files_beside_it(tmp_path: Path) -> None:
    model, weather = shipped("ref:small_office", "usa_il_chicago")
    schedule = IdfObject("Schedule:File", ("From file", "", "people.csv", "1", "0", "8760"))
    own = tmp_path / "own.idf"
    own.write_text(Idf.parse(model.read_text(encoding="latin-1")).adding(schedule).text(), encoding="latin-1")
    with pytest.raises(UnavailableError, match="people"):
        EnergyPlusBuilding(own, weather, MONDAY, WEDNESDAY)
    (tmp_path / "people.csv").write_text("1\n" * 8760)
    EnergyPlusBuilding(own, weather, MONDAY, WEDNESDAY).close()


def test_files_that_are_none_are_an_error(tmp_path: Path) -> None:
    model, weather = shipped("ref:small_office", "usa_il_chicago")
    text = tmp_path / "weather.epw"
    text.write_text("rain")
    with pytest.raises(ConfigError, match="EPW"):
        EnergyPlusBuilding(model, text, MONDAY, WEDNESDAY)
    with pytest.raises(ConfigError, match="cannot be read"):
        EnergyPlusBuilding(tmp_path / "none.idf", weather, MONDAY, WEDNESDAY)
    with pytest.raises(ConfigError, match="castle"):
        shipped("ref:castle", "usa_il_chicago")
    assert utc_offset_h(weather) == -6.0


def test_a_run_that_is_closed_early_keeps_its_report(tmp_path: Path) -> None:
    building = office(output=tmp_path)
    building.step(building.time_ms + DAY_MS)
    building.close()

    with sqlite3.connect(tmp_path / "eplusout.sql") as base:
        assert base.execute("select count(*) from ReportData").fetchone()[0] > 0
    with pytest.raises(UnavailableError):
        building.step(building.end_ms)


def test_the_office_of_the_demo_ends_with_its_year() -> None:
    with small_office(1_704_002_400_000) as building:  # 31 December 2023 in Chicago
        assert building.end_ms - building.time_ms == DAY_MS


def test_the_command_line_serves_it_without_a_map(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "simulators", "--building", "simulators.energyplus:small_office"]
    command += ["--timezone", "America/Chicago", "--start", "2023-01-09", "--port", str(port)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log) as process,
        office() as same,
    ):
        try:
            drive = Drive(Limits(minimum=12, maximum=24, safe_value=20), Schedule(20.0))
            setpoint = "core-zn/heating-setpoint"
            device = device_of(
                "chicago/office", same.points, same.writable, {setpoint: drive},
                host="127.0.0.1", port=port, poll_every_s=60,
            )  # fmt: skip
            driver = ModbusDriver(device, SimulatedClock(0), read_only=False)
            points = [point.id for point in device.points]
            for _ in range(300):
                try:
                    driver.open()
                except DeviceError:
                    assert process.poll() is None, (tmp_path / "log").read_text()
                    time.sleep(0.1)
                else:
                    break
            harvest = driver.read(points)
            assert harvest.errors == {}
            assert len(harvest.readings) == len(same.names)
            driver.write(f"chicago/office/{setpoint}", 18.5)
            assert driver.read([f"chicago/office/{setpoint}"]).readings[0].value == 18.5
            driver.close()
        finally:
            process.terminate()
        assert process.wait(30) == 0
