"""An FMU behind the port, compiled on the spot; collected where the extra ``fmu`` is installed (see conftest.py)."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, DomainError, UnavailableError
from simulators.fmu import FmuBuilding
from simulators.port import described, load
from tests.simulators.fmi.archive import XML, archive, two_zones

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MONDAY, WEDNESDAY = date(2023, 1, 9), date(2023, 1, 11)


@pytest.fixture(scope="module")
def fmu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_zones(tmp_path_factory.mktemp("fmu"))


@pytest.fixture
def building(fmu: Path) -> Iterator[FmuBuilding]:
    with FmuBuilding(fmu, MONDAY, WEDNESDAY) as found:
        yield found


def equations(
    days: int, *, north: float | None = None, fan: float = 0.3, gain_w: float = 0.0
) -> tuple[np.ndarray, float]:
    """The two zones in numpy: temperatures each hour in Celsius, and gas in kWh."""
    now, hours, gas_j = np.array([18.0, 18.0]), [], 0.0
    for k in range(days * 8640):
        t = k * 10.0
        if k % 360 == 0:
            hours.append(now)
        set_point = np.full(2, 21.0 if 7 <= t % 86400 / 3600 < 19 else 16.0)
        if north is not None:
            set_point[0] = north
        heat = 8000 * np.clip(set_point - now, 0, 1)
        outdoors = 5 + 5 * np.sin(2 * np.pi * (t / 86400 - 0.25))
        flow = (150 + 120 * fan) * (outdoors - now) + 80 * (now[::-1] - now) + heat + np.array([gain_w, 0.0])
        now, gas_j = now + 10 / 6e6 * flow, gas_j + heat.sum() / 0.9 * 10
    return np.array([*hours[1:], now]), gas_j / 3.6e6


def hourly(building: FmuBuilding) -> np.ndarray:
    rows = []
    while building.time_ms < building.end_ms:
        building.step(building.time_ms + HOUR_MS)
        rows.append([building.read("north/temperature"), building.read("south/temperature")])
    return np.array(rows)


@pytest.mark.parametrize(
    ("writes", "changes"),
    [
        ({}, {}),
        ({"north/heating-setpoint": 23.5}, {"north": 23.5}),
        ({"ahu-ovefan": 1.0, "gain": 2.5}, {"fan": 1.0, "gain_w": 2500.0}),
    ],
)
def test_it_agrees_with_its_equations(fmu: Path, writes: dict[str, float], changes: dict[str, float]) -> None:
    with FmuBuilding(fmu, MONDAY, WEDNESDAY, step_s=60) as building:
        for name, value in writes.items():
            building.write(name, value)
        temperatures = hourly(building)
        expected, gas_kwh = equations(2, **changes)

        assert temperatures == pytest.approx(expected, abs=1e-6)
        assert building.read("gas") == pytest.approx(gas_kwh, rel=0.01)
        fans_kw = 0.4 * changes.get("fan", 0.3) ** 3
        assert building.read("electricity/fans") == pytest.approx(fans_kw * 48, rel=0.01)
        # From 10 to 14 h the building feeds in, which its meter does not count.
        assert building.read("electricity") == pytest.approx(fans_kw * 40, rel=0.01)


def test_time_is_that_of_the_place_and_of_the_year(fmu: Path) -> None:
    with FmuBuilding(fmu, date(2024, 7, 1), date(2024, 7, 2), utc_offset_h=1) as building:
        assert building.time_ms == 1_719_788_400_000  # 30 June, 23:00 UTC
        building.step(building.time_ms + 12 * HOUR_MS)
        assert building.read("north/people") == 10
        assert building.read("outdoor-temperature") == pytest.approx(10.0, abs=1e-6)  # its warmest hour is noon


def test_a_set_point_holds_until_it_is_handed_back(building: FmuBuilding) -> None:
    building.write("north/heating-setpoint", 23.0)
    assert building.read("north/heating-setpoint") == 16.0  # not before the next step
    building.step(building.time_ms + DAY_MS // 2)
    assert building.read("north/heating-setpoint") == 23.0
    assert building.read("south/heating-setpoint") == 21.0
    building.write("north/heating-setpoint", math.nan)
    building.step(building.time_ms + HOUR_MS)
    assert building.read("north/heating-setpoint") == 21.0


def test_what_the_model_does_not_show_is_what_was_asked(building: FmuBuilding) -> None:
    step = building.step_ms
    assert math.isnan(building.read("ahu-ovefan"))
    assert building.read("gain") == 0.0
    building.write("ahu-ovefan", 0.8)
    building.write("gain", 1.5)
    building.step(building.time_ms + step)
    assert (building.read("ahu-ovefan"), building.read("gain")) == (0.8, 1.5)
    assert building.read("ahu-reapfan") == pytest.approx(0.4 * 0.8**3)
    building.write("ahu-ovefan", math.nan)
    building.write("gain", math.nan)
    building.step(building.time_ms + step)
    assert math.isnan(building.read("ahu-ovefan"))
    assert (building.read("gain"), building.read("ahu-reapfan")) == (0.0, pytest.approx(0.4 * 0.3**3))


def test_registers_count_up_from_the_first_day(fmu: Path) -> None:
    with FmuBuilding(fmu, MONDAY, WEDNESDAY, warmup_days=7) as warm, FmuBuilding(fmu, MONDAY, WEDNESDAY) as cold:
        assert (warm.time_ms, warm.read("gas")) == (cold.time_ms, 0.0)
        assert warm.read("north/temperature") < cold.read("north/temperature") - 1
        shown = [0.0]
        while warm.time_ms < warm.end_ms:
            warm.step(warm.time_ms + HOUR_MS)
            shown.append(warm.read("gas"))
        assert shown == sorted(shown)
        assert shown[-1] > 100
        assert warm.read("gas/heating") == shown[-1]


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("north/heating-setpoint", 4.9, "5 to 35"),
        ("north/heating-setpoint", 35.1, "5 to 35"),
        ("gain", math.inf, "inf"),
        ("gain", -1.0, "0 to inf"),
        ("fault", 2.0, "0 to 1"),
        ("north/temperature", 20.0, "cannot be written"),
    ],
)
def test_limits_of_the_model_are_limits_of_writing(building: FmuBuilding, name: str, value: float, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        building.write(name, value)


def test_a_step_that_fails_says_so_in_the_words_of_the_model(building: FmuBuilding) -> None:
    building.step(building.time_ms + HOUR_MS)
    before = building.time_ms
    building.write("fault", 1.0)
    with pytest.raises(UnavailableError, match="step from 694800 s: pump 7 lost at 694800 s"):
        building.step(building.end_ms)
    assert building.time_ms == before
    with pytest.raises(UnavailableError, match="pump 7"):
        building.step(building.end_ms)


def test_an_fmu_that_does_not_start_says_why(fmu: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(fmu) as made:
        files = {name: made.read(name) for name in made.namelist()}
    wrong = archive(tmp_path / "wrong.fmu", files | {"modelDescription.xml": XML.replace("{two-zones", "{three-zones")})
    with pytest.raises(UnavailableError, match=r"did not start: guid .*three-zones.* is not mine"):
        FmuBuilding(wrong, MONDAY, WEDNESDAY)
    library = next(name for name in files if name.startswith("binaries/"))
    broken = archive(tmp_path / "broken.fmu", files | {library: b"no library"})
    here = Path.cwd()
    with pytest.raises(UnavailableError, match=r"did not start: .*library"):
        FmuBuilding(broken, MONDAY, WEDNESDAY)
    assert Path.cwd() == here


def test_a_library_of_another_platform_is_named(tmp_path: Path) -> None:
    foreign = archive(
        tmp_path / "foreign.fmu", {"modelDescription.xml": XML, "binaries/vax32/twozones.so": b"", "sources/a.c": ""}
    )
    with pytest.raises(ConfigError, match=r"no library for \w+; there is c-code, vax32"):
        FmuBuilding(foreign, MONDAY, WEDNESDAY)


@pytest.mark.parametrize("step_s", [0, -60, 7])
def test_a_step_is_a_part_of_a_day(fmu: Path, step_s: int) -> None:
    with pytest.raises(ConfigError, match="part of a day"):
        FmuBuilding(fmu, MONDAY, WEDNESDAY, step_s=step_s)


def test_a_run_ends_after_it_begins(fmu: Path) -> None:
    with pytest.raises(ConfigError, match="2023-01-09"):
        FmuBuilding(fmu, MONDAY, MONDAY)


def test_a_naming_file_says_what_the_description_does_not(fmu: Path, tmp_path: Path) -> None:
    naming = tmp_path / "naming.toml"
    naming.write_text(
        '[points.ahu_oveFan]\nname = "ahu/fan-speed"\nminimum = 0.2\n'
        "[points.fault]\nignore = true\n"
        '[energy]\n"electricity/fans" = ["ahu_reaPFan_y"]\n"gas/heating" = ["boi_reaPGas_y"]\n'
    )
    with FmuBuilding(fmu, MONDAY, WEDNESDAY, naming=naming) as building:
        assert "fault" not in building.names
        assert building.left_out["fault"] == "the naming file ignores it"
        with pytest.raises(DomainError, match=r"0\.2 to 1"):
            building.write("ahu/fan-speed", 0.1)
        building.step(building.end_ms)
        assert building.read("gas") == building.read("gas/heating") > 0


def test_a_module_with_an_fmu_is_plugged_in_by_its_name(
    fmu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugged_house.py").write_text(
        "from datetime import UTC, date, datetime\n"
        "from simulators.fmu import FmuBuilding\n"
        "def build(start_ms, *, seed=0):\n"
        "    first = datetime.fromtimestamp(start_ms / 1000, UTC).date()\n"
        f"    return FmuBuilding({str(fmu)!r}, first, date(first.year + 1, 1, 1))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    building = described(load("plugged_house:build")(1_673_222_400_000, seed=3))
    building.step(building.time_ms + HOUR_MS)
    assert building.time_ms == 1_673_222_400_000 + HOUR_MS
    building.close()


def test_nothing_is_left_when_it_is_closed(fmu: Path, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\nfrom datetime import date\nfrom simulators.fmu import FmuBuilding\n"
        "building = FmuBuilding(sys.argv[1], date(2023, 1, 9), date(2023, 1, 10))\n"
        "building.step(building.end_ms)\nbuilding.close()\nbuilding.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, fmu],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
