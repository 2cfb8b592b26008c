"""A gateway whose disk is full, whose spool breaks, and whose replay is behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.calendar import Calendar
from core.clock import SimulatedClock
from core.config.models import Device, DevicePoint
from core.config.models import Gateway as GatewaySettings
from core.errors import ConfigError
from gateway.agent import Gateway
from tests.gateway.field import MemoryDevice
from tests.gateway.rig import MINUTE, NAME, NOW, SETPOINT, SITE, TEMPERATURE, Rig, ask, plant
from tests.servers.modbus import ModbusServer
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system


def test_a_full_disk_holds_readings_in_memory_and_loses_none(tmp_path: Path, mosquitto: Mosquitto) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        device.clock = rig.clock
        rig.poll(0)
        database = rig.gateway._spool._db
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            rig.poll()
        rig.until(lambda: any("disk" in a for a in rig.gateway._alarms()) or rig.gateway._spool.dropped)
        database.execute("PRAGMA max_page_count = 100000")
        rig.poll()
        dropped = rig.gateway._spool.dropped
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        times = {r[1] for r in rig.observer.rows}
        assert len(times) + dropped >= 202


def test_a_full_disk_stops_neither_reading_nor_driving(tmp_path: Path, mosquitto: Mosquitto) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        device.clock = rig.clock
        rig.poll(0)
        database = rig.gateway._arrays._db
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        while not rig.gateway._disk:
            rig.observer.send(*(ask(f"c{n}-{rig.clock.now_ms()}", 20.0, at=rig.clock.now_ms()) for n in range(20)))
            rig.observer.client.pump(0.02)
            rig.gateway.pump(0.02)
            device.values[SETPOINT] = 15.0
            rig.poll()
            assert device.values[SETPOINT] != 15.0
        before = len(rig.observer.rows)
        rig.poll()
        rig.until(lambda: len(rig.observer.rows) > before)
        database.execute("PRAGMA max_page_count = 100000")
        rig.poll()


@pytest.fixture
def archive(tmp_path: Path) -> Device:
    lines = ["time_utc,value", *(f"{NOW - 12_000_000 + i * 1000},{i}" for i in range(12_001))]
    (tmp_path / "year.csv").write_text("\n".join(lines))
    meter = DevicePoint(id="torino/calvino/meter", brick_class="Electrical_Power_Sensor", unit="kW")
    options = {"path": str(tmp_path / "year.csv"), "max_rows": 700}
    return Device(name="archive", driver="replay", points=[meter], options=options, poll_every_s=60)


def test_a_replay_that_is_behind_catches_up_in_one_poll(tmp_path: Path, mosquitto: Mosquitto, archive: Device) -> None:
    with Rig(tmp_path, mosquitto, [archive]) as rig:
        rig.poll(0)
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert sorted(r[2] for r in rig.observer.rows) == list(range(12_001))
        assert len(set(rig.observer.rows)) == 12_001


def test_what_a_full_disk_cannot_keep_is_held_until_it_can(
    tmp_path: Path, mosquitto: Mosquitto, archive: Device
) -> None:
    with Rig(tmp_path, mosquitto, [archive]) as rig:
        database = rig.gateway._spool._db
        database.execute("PRAGMA max_page_count = 5")
        rig.poll(0)
        assert rig.gateway.spooled_batches == 0
        rig.until(lambda: any(a.startswith("disk: ") for a in rig.observer.states[-1].alarms))
        database.execute("PRAGMA max_page_count = 100000")
        rig.poll()
        rig.until(lambda: rig.gateway.spooled_batches == 0 and rig.observer.rows)
        assert len(set(rig.observer.rows)) == 12_001
        rig.until(lambda: not rig.observer.states[-1].alarms)


def test_a_spool_that_breaks_while_running_is_replaced(
    tmp_path: Path, mosquitto: Mosquitto, archive: Device, server: ModbusServer
) -> None:
    with Rig(tmp_path, mosquitto, [archive, plant(server.port)], resend_after_s=0.5) as rig:
        rig.observer.confirming = False
        rig.poll(0)
        rig.gateway._spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rig.gateway._spool._db.execute("PRAGMA shrink_memory")
        with (tmp_path / "spool.db").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * ((tmp_path / "spool.db").stat().st_size - 4096))
        rig.poll()
        rig.until(lambda: any("set aside" in a for a in rig.observer.states[-1].alarms))
        rig.observer.confirming = True
        rig.poll()
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert max(r[1] for r in rig.observer.rows) == NOW + 2 * MINUTE
        assert list(tmp_path.glob("spool.db.corrupt-*"))


@pytest.mark.parametrize(
    "devices",
    [
        [plant(1), plant(1)],
        [plant(1), plant(1, "other")],
        [Device(name="x", driver="knx")],
        [Device(name="x", driver="modbus", options={"hots": "10.0.0.1"})],
    ],
)
def test_a_wrong_device_is_a_configuration_error(tmp_path: Path, devices: list[Device]) -> None:
    settings = GatewaySettings(
        id=NAME, site=SITE, spool=str(tmp_path / "s"), state=str(tmp_path / "t"), devices=devices
    )

    def connect(*_: object) -> Any:
        raise AssertionError

    with pytest.raises(ConfigError):
        Gateway(settings, Calendar("UTC"), SimulatedClock(NOW), connect)
