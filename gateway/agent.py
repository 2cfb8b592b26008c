"""The edge agent: reads devices, spools and publishes what they say, and drives them as the guard allows."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias

from broker.client import BrokerClient, Message, Will
from core.calendar import Calendar
from core.clock import Clock, monotonic_s
from core.codec import MAX_TIME_MS, GatewayState, Row, Status, Stored, decode_message, encode
from core.commands import Command
from core.config.models import Gateway as GatewaySettings
from core.errors import CodecError
from core.topics import Channel, topic
from gateway.actuator import Actuator
from gateway.arrays import Arrays
from gateway.device import Finished, Unanswered, make_devices
from gateway.driver import Driver, Harvest
from gateway.durable import NotKeptError
from gateway.order import Driven
from gateway.publisher import Outgoing
from gateway.spool import Spool

log = logging.getLogger("promessa.gateway")

SESSION_EXPIRY_S: Final = 7 * 86_400
"""How long the broker keeps commands and confirmations for a gateway that is away."""

_REVIEW_EVERY_MS: Final = 1000
_STATE_EVERY_S: Final = 60.0
_BACKLOG_STEP: Final = 10
_HELD_ROWS: Final = 20_000
_MAX_BATCH_ROWS: Final = 3000
"""Of the longest ids, so that a batch stays below `core.codec.MAX_PAYLOAD_BYTES`."""
_GRACE_S: Final = 0.05
"""For a dead device in lock-step: enough for one that answers again to do so at once, too little to matter."""
_GOODBYE_S: Final = 2.0

VERSION: Final = version("promessa")

Connect: TypeAlias = Callable[[Callable[[Message], None], Will], BrokerClient]
"""Makes the broker client, given what it calls with a message and the last will."""


class Gateway:
    """One gateway, turned by its owner: `poll` for the devices, `pump` for the broker; nothing happens in between.

    Parameters
    ----------
    settings
        Its section of the configuration.
    calendar
        Of its site, for schedules.
    clock
        Real or simulated.
    connect
        Makes the broker client with a session that outlives connections (`SESSION_EXPIRY_S`).
    drivers
        By device name, in place of those that the configuration names.
    settle_s
        How long `poll` and `pump` wait for devices that answer. In lock-step with a simulated clock the default makes
        every reading and every write complete before they return; a process gives 0 and collects on its next turn.

    Raises
    ------
    ConfigError
        A device, point, schedule or protection is wrong, or a file cannot be written.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        calendar: Calendar,
        clock: Clock,
        connect: Connect,
        *,
        drivers: dict[str, Driver] | None = None,
        settle_s: float = 10.0,
    ) -> None:
        now_ms = clock.now_ms()
        self._settings = settings
        self._clock = clock
        self._settle_s = settle_s
        self._devices = make_devices(settings, clock, drivers or {})
        self._points = [p.point() for d in settings.devices for p in d.points]
        self._device_of = {point: device for device in self._devices for point in device.points}
        self._arrays = Arrays(Path(settings.state), now_ms)
        self._spool = Spool(
            Path(settings.spool),
            max_bytes=settings.spool_max_mb * 1_000_000,
            max_age_days=settings.spool_max_age_days,
            now_ms=now_ms,
        )
        self._epoch = self._spool.epoch
        self._outgoing = Outgoing(self._spool.numbers(), settings.resend_after_s)
        self._actuator = Actuator(
            [p for d in settings.devices for p in d.points],
            self._arrays,
            calendar,
            lambda point, value: self._device_of[point].driver.tolerance(point, value),
            frost=settings.frost_protection,
            read_only=settings.read_only,
            stale_after_s=settings.stale_after_s,
            now_ms=now_ms,
        )
        self._held: list[Row] = []
        self._lost_rows = 0
        self._measured = 0
        self._disk = ""
        self._fresh: dict[str, float] = {}
        self._review_ms = 0
        self._asked = False
        self._topics = {channel: topic(settings.site, settings.id, channel) for channel in Channel}
        self._results_sent: set[str] = set()
        self._results_done: list[str] = []
        self._since_ms = now_ms
        self._state: GatewayState | None = None
        self._state_s = 0.0
        self._connections = 0
        self._undecodable = 0
        will = Will(self._topics[Channel.STATE], encode(GatewayState(Status.OFFLINE)))
        self._broker = connect(self._receive, will)
        self._broker.subscribe(self._topics[Channel.STORED])
        self._broker.subscribe(self._topics[Channel.COMMANDS])

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._broker.connected

    @property
    def spooled_batches(self) -> int:
        """Batches that ingest has not confirmed."""
        return len(self._spool)

    @property
    def measured(self) -> int:
        """Readings that were put into the spool since this start."""
        return self._measured

    @property
    def busy(self) -> bool:
        """Whether a device is being read or driven."""
        return any(device.under_way for device in self._devices)

    def next_ms(self) -> int:
        """When `poll` has something to do next, UTC milliseconds."""
        return min((d.next_ms for d in self._devices), default=self._review_ms + _REVIEW_EVERY_MS)

    def poll(self, now_ms: int) -> None:
        """Read the devices that are due, keep what they say, and drive what is not as it should be."""
        for device in self._devices:
            device.read_if_due(now_ms)
        self._turn_devices(now_ms)

    def pump(self, timeout_s: float) -> int:
        """Turn the broker's client once: publish, take confirmations and commands; returns messages handled."""
        self._publish()
        handled = self._broker.pump(timeout_s)
        now_ms = self._clock.now_ms()
        if self._broker.connections != self._connections:
            self._connections = self._broker.connections
            # Whatever was on its way is in doubt. Sending it twice stores it once.
            self._outgoing.give_up_all()
            self._results_sent.clear()
            self._state = None
        if self.busy or handled:
            self._turn_devices(now_ms)
        self._settle_results()
        self._publish()
        return handled

    def tidy(self) -> None:
        """Write down which batches are stored, which otherwise waits for the next reading; for quiet moments."""
        self._spool.flush()

    def close(self) -> None:
        """Say goodbye, and let go of devices and files; what is spooled waits for the next start."""
        for device in self._devices:
            device.close()
        self._collect()
        if self._broker.connected:
            said: list[bool] = []
            state = GatewayState(Status.OFFLINE, self._clock.now_ms())
            self._broker.publish(
                self._topics[Channel.STATE], encode(state), retain=True, on_done=lambda: said.append(True)
            )
            deadline_s = monotonic_s() + _GOODBYE_S
            while not said and self._broker.connected and monotonic_s() < deadline_s:
                self._broker.pump(0.05)
        self._settle_results()
        self._broker.close()
        self._spool.close()
        self._arrays.close()

    def _turn_devices(self, now_ms: int) -> None:
        came = self._collect()
        if came or self._asked or now_ms - self._review_ms >= _REVIEW_EVERY_MS or now_ms < self._review_ms:
            self._review_ms, self._asked = now_ms, False
            self._decide(now_ms)
            self._collect()

    def _collect(self) -> bool:
        """Take in what devices have finished, waiting for the live ones; returns whether anything came."""
        deadline_s = monotonic_s() + self._settle_s
        came = False
        while True:
            left_s = max(0.0, deadline_s - monotonic_s())
            # For all of them, not the first: what is taken in must not depend on which thread is quicker.
            late = bool(wait(self._jobs(alive=True), left_s).not_done)
            if self._settle_s:
                wait(self._jobs(alive=False), _GRACE_S)
            for device in self._devices:
                for finished in device.collect(self._clock.now_ms()):
                    came = True
                    with self._keeping():
                        self._take(finished)
            self._keep()
            if late or not self._jobs(alive=True):
                return came

    def _jobs(self, *, alive: bool) -> list[Future[Any]]:
        return [job for device in self._devices if device.alive is alive for job in device.under_way]

    def _take(self, finished: Finished) -> None:
        now_ms = self._clock.now_ms()
        if isinstance(finished, Harvest):
            readings = [r for r in finished.readings if math.isfinite(r.value)]
            self._held.extend(readings)
            self._actuator.observe(readings)
            self._fresh.update((r.point, r.value) for r in readings)
        elif isinstance(finished, Driven):
            # What was read before it was driven says nothing about it any more.
            self._fresh.pop(finished.order.point, None)
            self._actuator.done(finished, now_ms)
        elif isinstance(finished, Unanswered):
            self._actuator.unanswered(finished.point, now_ms)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """What cannot be kept now is an alarm, and comes again at the next poll; devices are read all the same."""
        try:
            yield
        except NotKeptError as error:
            self._disk = error.message

    def _decide(self, now_ms: int) -> None:
        with self._keeping():
            self._actuator.review(now_ms)
        for point in self._actuator.points:
            device = self._device_of[point]
            if device.takes(point):
                order = self._actuator.order(point, self._fresh.get(point), now_ms)
                if order is not None:
                    device.drive(order)
        self._fresh.clear()

    def _keep(self) -> None:
        """Put readings into the spool; with a full disk hold some in memory, and count what that cannot hold."""
        if not self._held:
            return
        try:
            batch_rows = min(self._settings.batch_rows, _MAX_BATCH_ROWS)
            numbers = self._spool.append(self._held, batch_rows, self._clock.now_ms())
        except NotKeptError as error:
            if not self._disk:
                log.error("spool_full error=%r", error.message)  # noqa: TRY400 - the message says it all
            self._disk = error.message
            excess = len(self._held) - _HELD_ROWS
            if excess > 0:
                self._lost_rows += excess
                del self._held[:excess]
            return
        self._disk = ""
        self._measured += len(self._held)
        self._held.clear()
        if self._spool.epoch == self._epoch:
            self._outgoing.add(numbers)
        else:
            self._follow_spool()

    def _follow_spool(self) -> None:
        if self._spool.epoch != self._epoch:
            self._epoch = self._spool.epoch
            self._outgoing.begin_anew(self._spool.numbers())

    def _receive(self, message: Message) -> None:
        try:
            if message.topic == self._topics[Channel.STORED]:
                self._confirm(decode_message(message.payload, Stored))
            elif message.topic == self._topics[Channel.COMMANDS]:
                self._command(message)
        except CodecError as error:
            self._undecodable += 1
            log.warning("message_undecodable topic=%s error=%r", message.topic, error.message)
        except NotKeptError as error:
            # Not acknowledged: the broker brings it again with the next connection.
            self._disk = error.message
            return
        self._broker.ack(message)

    def _confirm(self, stored: Stored) -> None:
        numbers = [n for n in (self._spool.number_of(i) for i in stored.ids) if n is not None]
        if numbers:
            self._spool.forget(numbers)
            self._outgoing.confirmed(numbers)

    def _command(self, message: Message) -> None:
        if message.retained:
            log.warning("command_retained topic=%s", message.topic)
            return
        command = decode_message(message.payload, Command)
        if not 0 <= command.issued_ms < command.expires_ms <= MAX_TIME_MS:
            raise CodecError(f"command: {command.issued_ms:.3e} to {command.expires_ms:.3e} ms are no times")
        self._actuator.receive(command, self._clock.now_ms())
        self._asked = True

    def _publish(self) -> None:
        if not self._broker.connected or self._broker.connections != self._connections:
            return
        self._publish_state()
        self._publish_batches()
        for result in self._arrays.unsent():
            command_id = result.command_id
            done = partial(self._results_done.append, command_id)
            if command_id not in self._results_sent and self._broker.publish(
                self._topics[Channel.RESULTS], encode(result), on_done=done
            ):
                self._results_sent.add(command_id)

    def _publish_batches(self) -> None:
        now_s = monotonic_s()
        self._outgoing.give_up_late(now_s)
        # What the broker still holds when we send again would only be a copy: let it expire there.
        expiry_s = math.ceil(self._outgoing.patience_s)
        while (number := self._outgoing.next()) is not None:
            payload = self._spool.payload(number)
            self._follow_spool()
            if payload is None:
                continue
            if not self._broker.publish(self._topics[Channel.READINGS], payload, expiry_s=expiry_s):
                self._outgoing.add([number])
                return
            self._outgoing.sent(number, now_s)

    def _settle_results(self) -> None:
        if self._results_done:
            with self._keeping():
                self._arrays.sent(self._results_done)
                self._results_sent.difference_update(self._results_done)
                self._results_done.clear()

    def _publish_state(self) -> None:
        now_s = monotonic_s()
        state = GatewayState(
            Status.ONLINE, self._since_ms, VERSION, self._settings.read_only, self._points,
            len(self._spool), self._spool.dropped, self._alarms(),
        )  # fmt: skip
        last = self._state
        if last is not None and (last.alarms, last.dropped_batches) == (state.alarms, state.dropped_batches):
            # It carries every point: the backlog alone is worth it when it has grown or shrunk much, and not often.
            apart = abs(state.spooled_batches - last.spooled_batches)
            if apart <= max(_BACKLOG_STEP, last.spooled_batches // 2) or now_s - self._state_s < _STATE_EVERY_S:
                return
        if self._broker.publish(self._topics[Channel.STATE], encode(state), retain=True):
            self._state, self._state_s = state, now_s

    def _alarms(self) -> list[str]:
        """What somebody should look at; worded so that a sentence stays the same while its cause does."""
        alarms = [
            *(f"spool: a corrupt file was set aside as {path.name}" for path in self._spool.set_aside),
            *([f"state: a corrupt file was set aside as {path.name}, all overrides are gone"]
              if (path := self._arrays.set_aside) else []),
            *([f"disk: {self._disk}"] if self._disk else []),
            *([f"spool: {self._lost_rows} readings lost while the disk was full"] if self._lost_rows else []),
            *([f"spool: {self._spool.dropped} batches dropped by its bounds"] if self._spool.dropped else []),
            *([f"{self._undecodable} messages could not be read"] if self._undecodable else []),
        ]  # fmt: skip
        for device in self._devices:
            if device.trouble:
                alarms.append(device.trouble)
            elif device.errors:
                point, reason = min(device.errors.items())
                others = f" and {len(device.errors) - 1} more" if len(device.errors) > 1 else ""
                alarms.append(f"device {device.name!r}: {point}{others}: {reason}")
        return alarms + self._actuator.alarms(self._clock.now_ms())
