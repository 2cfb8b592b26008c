"""The simulated library with everything around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from cli.demo import scenario
from core.config.models import Config, Registry, SqliteStore, Store
from simulators import calvino
from simulators.building import RCBuilding
from simulators.modbus import ModbusBuilding
from tests.servers.mosquitto import Mosquitto
from tests.system.turning import TurningCircle


class BrokenInstruments:
    """The library with instruments that show something else than they should.

    Attributes
    ----------
    shows
        By name, in place of the truth; NaN is a broken sensor.
    """

    def __init__(self, building: RCBuilding) -> None:
        self._building = building
        self.shows: dict[str, float] = {}

    @property
    def time_ms(self) -> int:
        return self._building.time_ms

    @property
    def names(self) -> Sequence[str]:
        return self._building.names

    @property
    def writable(self) -> Sequence[str]:
        return self._building.writable

    def step(self, until_ms: int) -> None:
        self._building.step(until_ms)

    def read(self, name: str) -> float:
        return self.shows.get(name, self._building.read(name))

    def write(self, name: str, value: float) -> None:
        self._building.write(name, value)


class LibraryCircle(TurningCircle):
    """The library from midnight of `start` on.

    `changes` are fields of the gateway's points, by point id; `store` is where readings go in place of a file.
    """

    def __init__(
        self,
        directory: Path,
        broker: Mosquitto,
        start: date,
        *,
        seed: int = 1,
        store: Store | None = None,
        changes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        changes = changes or {}
        self.building = calvino.build(scenario.TORINO.calendar().midnight(start), seed=seed)
        self.instruments = BrokenInstruments(self.building)
        device = ModbusBuilding(self.instruments, calvino.register_map())
        device.start()
        config = Config(
            sites=[scenario.TORINO],
            buildings=[scenario.library()],
            store=store or Store(sqlite=SqliteStore(path=str(directory / "readings.db"))),
            registry=Registry(url=f"sqlite:///{directory / 'registry.db'}"),
        )
        settings = scenario.library_gateway(directory, device.port)
        settings.devices[0].points[:] = [
            msgspec.structs.replace(point, **changes.get(point.id, {})) for point in settings.devices[0].points
        ]
        super().__init__(config, settings, device, broker)

    def scheduled(self, point_id: str) -> float:
        """What the gateway's local schedule asks of a point now."""
        point = next(p for p in self.gateway_settings.devices[0].points if p.id == point_id)
        assert point.schedule is not None
        return point.schedule.value_at(self.clock.now_ms(), self.calendar)
