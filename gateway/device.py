"""One device in a thread of its own, so that a dead one never delays a live one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Final, NamedTuple, TypeAlias, TypeVar
from zlib import crc32

from core.clock import Clock
from core.config.models import Gateway
from core.errors import ConfigError, PromessaError
from gateway.driver import Driver, Harvest, load_driver
from gateway.order import Driven, Order, drive

log = logging.getLogger("promessa.gateway")

_BACKOFF_FIRST_S: Final = 1.0
_BACKOFF_MAX_S: Final = 300.0

T = TypeVar("T")


class Unanswered(NamedTuple):
    """An order that found a dead device."""

    point: str


Finished: TypeAlias = Harvest | Driven | Unanswered


class FieldDevice:
    """A driver, when it is read next, and how it is doing.

    Whether it is alive is what its last read or write said. A dead device is tried again after a time that doubles
    from 1 s to 5 min, and nobody waits for it.

    Parameters
    ----------
    name
        For messages.
    driver
        Used by this device's thread only.
    points
        Point ids it is read for.
    poll_every_s
        Interval of reads; reads fall on multiples of it.
    """

    def __init__(self, name: str, driver: Driver, points: Sequence[str], poll_every_s: float) -> None:
        self.name = name
        self.driver = driver
        self.points = list(points)
        self.trouble = ""
        """Why it does not answer; empty while it does."""
        self.errors: dict[str, str] = {}
        """Reason by point, of points that the last read did not bring."""
        self._poll_every_ms = max(1, round(poll_every_s * 1000))
        self._next_ms = 0
        self._failures = 0
        self._closed = False
        self._read: Future[Harvest] | None = None
        self._orders: dict[str, Future[Driven]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"device-{name}")

    @property
    def alive(self) -> bool:
        """Whether it answered when it was last asked; true before it was ever asked."""
        return not self._failures

    @property
    def under_way(self) -> list[Future[Harvest] | Future[Driven]]:
        """What its thread has not finished, or nobody has collected."""
        return [*([self._read] if self._read else ()), *self._orders.values()]

    @property
    def next_ms(self) -> int:
        """When it is due, UTC milliseconds."""
        return self._next_ms

    def read_if_due(self, now_ms: int) -> None:
        """Begin a read when it is time for one and none is under way."""
        # Further ahead than it can ever be: the clock was set back.
        set_back = self._next_ms - now_ms > max(self._poll_every_ms, _BACKOFF_MAX_S * 1000)
        if (now_ms >= self._next_ms or set_back) and self._read is None:
            self._next_ms = (now_ms // self._poll_every_ms + 1) * self._poll_every_ms
            self._read = self._thread.submit(_read, self.driver, self.points)

    def takes(self, point: str) -> bool:
        """Whether it can be given an order for `point` now: it answers, and is busy with nothing that tells whether."""
        return self.alive and self._read is None and point not in self._orders

    def drive(self, order: Order) -> None:
        """Begin to carry out an order."""
        self._orders[order.point] = self._thread.submit(drive, self.driver, order)

    def collect(self, now_ms: int) -> Iterator[Finished]:
        """What has finished since it was last asked."""
        if self._read is not None and self._read.done():
            read, self._read = self._read, None
            harvest = self._result(read, now_ms)
            if harvest is not None:
                self.errors = dict(harvest.errors)
                if harvest.more and not self._closed:
                    self._read = self._thread.submit(_read, self.driver, self.points)
                yield harvest
        for point in [p for p, order in self._orders.items() if order.done()]:
            driven = self._result(self._orders.pop(point), now_ms)
            yield driven if driven is not None else Unanswered(point)
        if not self.alive:
            # Each would only wait for the same silence.
            for order in self._orders.values():
                order.cancel()

    def close(self) -> None:
        """Let the thread finish what it was given, for `collect` to take, and let go of the device."""
        self._closed = True
        self._thread.shutdown(wait=True)
        self.driver.close()

    def _result(self, job: Future[T], now_ms: int) -> T | None:
        """What a job brought, None when the device did not answer; it is alive or dead from then on."""
        try:
            result = job.result()
        except CancelledError:
            return None
        except Exception as error:
            if not isinstance(error, PromessaError):
                log.exception("driver_failed device=%s", self.name, exc_info=error)
            self._failures += 1
            self.trouble = str(error)
            wait_s = backoff_s(self.name, self._failures)
            self._next_ms = now_ms + round(wait_s * 1000)
            log.warning("device_dead device=%s failures=%d retry_in_s=%.1f reason=%r",
                        self.name, self._failures, wait_s, self.trouble)  # fmt: skip
            return None
        if self._failures:
            log.info("device_back device=%s failures=%d", self.name, self._failures)
        self._failures, self.trouble = 0, ""
        return result


def _read(driver: Driver, points: Sequence[str]) -> Harvest:
    driver.open()
    return driver.read(points)


def make_devices(settings: Gateway, clock: Clock, drivers: Mapping[str, Driver]) -> list[FieldDevice]:
    """Devices of a configuration, with `drivers` (by device name) in place of those that it names.

    Raises
    ------
    ConfigError
        A driver or its options are wrong, or a name or a point stands twice.
    """
    seen = Counter([d.name for d in settings.devices] + [p.id for d in settings.devices for p in d.points])
    twice = sorted(name for name, times in seen.items() if times > 1)
    if twice:
        raise ConfigError(f"gateway {settings.id!r}: more than once: {', '.join(twice)}")
    return [
        FieldDevice(
            d.name,
            drivers.get(d.name) or load_driver(d, clock, read_only=settings.read_only),
            [p.id for p in d.points],
            d.poll_every_s,
        )
        for d in settings.devices
    ]


def backoff_s(name: str, failures: int) -> float:
    """Seconds until a device that failed `failures` times in a row is tried again.

    Doubles, and is spread over the upper half by the device's name, so that devices that died together are not
    tried together, and a simulation runs the same way twice.
    """
    ceiling_s = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 20))
    return ceiling_s * (0.5 + crc32(f"{name} {failures}".encode()) / 2**33)
