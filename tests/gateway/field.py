"""A field device in memory for the tests: takes values, rounds them, goes silent, refuses, or goes back by itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core.clock import Clock
from core.errors import DeviceError
from core.readings import Reading
from gateway.driver import DeviceRefusedError, Harvest


class MemoryDevice:
    """`values` by point id.

    `silent`: it is dead; `mute`: it gives no answer to writes; `deaf`: it says yes and does nothing; `refuses`: points
    that it says no to; clearing `hold` keeps it busy.
    """

    def __init__(self, clock: Clock, values: dict[str, float], resolution: float = 0.0) -> None:
        self.clock = clock
        self.values = dict(values)
        self.resolution = resolution
        self.silent = False
        self.deaf = False
        self.mute = False
        self.opened = 0
        self.refuses: set[str] = set()
        self.writes: list[tuple[str, float]] = []
        self.hold = threading.Event()
        self.hold.set()

    def open(self) -> None:
        self.hold.wait(30)
        self.opened += 1
        if self.silent:
            raise DeviceError("device 'field': no answer")

    def read(self, points: Sequence[str]) -> Harvest:
        self.open()
        now_ms = self.clock.now_ms()
        return Harvest(
            [Reading(p, now_ms, self.values[p]) for p in points if p in self.values],
            {p: "no sensor" for p in points if p not in self.values},
        )

    def write(self, point: str, value: float) -> None:
        self.open()
        if self.mute:
            raise DeviceError("device 'field': no answer")
        if point in self.refuses:
            raise DeviceRefusedError(f"{point}: the device answers: illegal value")
        self.writes.append((point, value))
        if not self.deaf:
            step = self.resolution
            self.values[point] = round(value / step) * step if step else value

    def tolerance(self, point: str, value: float) -> float:
        del point, value
        return self.resolution / 2 + 1e-6

    def close(self) -> None:
        pass
