"""The simulated library with everything around it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from cli.demo import scenario
from core.config.models import Config, Registry, SqliteStore, Store
from simulators import calvino
from simulators.modbus import ModbusBuilding
from tests.servers.mosquitto import Mosquitto
from tests.system.turning import TurningCircle


class LibraryCircle(TurningCircle):
    """The library from midnight of `start` on.

    `gateway` changes fields of the gateway's configuration; `store` is where readings go in place of a file.
    """

    def __init__(
        self,
        directory: Path,
        broker: Mosquitto,
        start: date,
        *,
        seed: int = 1,
        store: Store | None = None,
        **gateway: object,
    ) -> None:
        self.building = calvino.build(scenario.TORINO.calendar().midnight(start), seed=seed)
        device = ModbusBuilding(self.building, calvino.register_map())
        device.start()
        config = Config(
            sites=[scenario.TORINO],
            buildings=[scenario.library()],
            store=store or Store(sqlite=SqliteStore(path=str(directory / "readings.db"))),
            registry=Registry(url=f"sqlite:///{directory / 'registry.db'}"),
        )
        settings = scenario.library_gateway(directory, device.port)
        super().__init__(config, msgspec.structs.replace(settings, **gateway), device, broker)

    def scheduled(self, point_id: str) -> float:
        """What the gateway's local schedule asks of a point now."""
        point = next(p for p in self.gateway_settings.devices[0].points if p.id == point_id)
        assert point.schedule is not None
        return point.schedule.value_at(self.clock.now_ms(), self.calendar)
