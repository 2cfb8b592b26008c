"""Sends queued commands to the gateways that own their points, and records how each one ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from broker.client import BrokerClient, Message
from core.clock import Clock
from core.codec import decode_message, encode
from core.commands import Command, Outcome, Result
from core.errors import CodecError, DomainError
from core.topics import Channel, every, parse_topic, topic
from stores.registry import CommandState, Registry

log = logging.getLogger("promessa.control")

MAX_ATTEMPTS: Final = 3
RETRY_AFTER_MS: Final = 60_000
_ATTEMPT: Final = "~"


class Dispatcher:
    """The outbox: from a row in the registry to the gateway and back to its one end.

    Any number of processes may have one on the same registry: a command published twice carries one id, on which a
    gateway acts once, and the registry counts the first end only.

    Parameters
    ----------
    registry
        Commands and the owners of points.
    client
        Connected by its owner, who hands every message to `handle`.
    clock
        Commands expire by it.
    """

    def __init__(self, registry: Registry, client: BrokerClient, clock: Clock) -> None:
        self._registry = registry
        self._client = client
        self._clock = clock
        self._connection = client.connections
        self._in_flight: set[str] = set()
        self._sent: list[str] = []
        self._retries: list[tuple[int, Command]] = []
        client.subscribe(every(Channel.RESULTS))

    def send(self, command: Command, origin_model: str = "", expected_effect: str = "") -> bool:
        """Queue a command and try to publish it at once; False when it waits for a connection."""
        self._registry.queue_command(command, origin_model, expected_effect)
        self.dispatch()
        return command.id in self._in_flight

    def dispatch(self) -> int:
        """Publish what waits, retry what failed, end what has run out; returns the number published.

        Call it after queueing and now and then; it is cheap when there is nothing to do.
        """
        now_ms = self._clock.now_ms()
        self.note_sent()
        self._requeue(now_ms)
        for command in self._registry.expire_commands(now_ms):
            log.warning("command_expired id=%s point=%s", command.id, command.point)
        waiting = self._registry.queued_commands()
        if self._client.connections != self._connection:
            # What was on its way when the connection broke may be lost; a gateway that has it already ignores it.
            self._connection = self._client.connections
            self._in_flight.clear()
            waiting = self._open_commands()
        return sum(self._publish(command, now_ms) for command in waiting if command.id not in self._in_flight)

    def handle(self, message: Message) -> bool:
        """Record the result that a message carries, and acknowledge it; False when it is no result."""
        if not is_result(message):
            return False
        self.handle_all([message])
        return True

    def handle_all(self, messages: Sequence[Message]) -> None:
        """Record the results that messages carry, in one transaction, and acknowledge them once it is durable.

        A result that cannot be decoded, or comes from a gateway that does not own the point, becomes a dead letter.
        """
        self.note_sent()
        with self._registry.together():
            for message in messages:
                self._record(message)
        for message in messages:
            self._client.ack(message)

    def note_sent(self) -> None:
        """Note in the registry what the broker has taken; a call within `BrokerClient.pump` could not fail safely."""
        if self._sent:
            with self._registry.together():
                for command_id in self._sent:
                    self._registry.mark_sent(command_id, self._clock.now_ms())
            self._in_flight.difference_update(self._sent)
            self._sent.clear()

    def _record(self, message: Message) -> None:
        now_ms = self._clock.now_ms()
        try:
            result = decode_message(message.payload, Result)
        except CodecError as error:
            self._registry.put_dead_letter(message.topic, message.payload, error.code, error.message, now_ms)
            return
        address = parse_topic(message.topic)
        kept = self._registry.command(result.command_id)
        if kept is not None and (kept.state.value, kept.ended_ms) == (result.outcome.value, result.time_ms):
            return  # another process that listens was first
        is_same_point = kept is None or kept.command.point == result.point
        if not is_same_point or self._registry.owner(result.point) != f"{address.site}/{address.gateway}":
            reason = f"{result.point} belongs to another gateway, or command {result.command_id} to another point"
            self._registry.put_dead_letter(message.topic, message.payload, "result.refused", reason, now_ms)
        elif self._registry.record_result(result):
            log.info("command_result id=%s outcome=%s reason=%r", result.command_id, result.outcome, result.reason)
            if result.outcome is Outcome.FAILED:
                self._plan_retry(result.command_id)

    def _publish(self, command: Command, now_ms: int) -> bool:
        left_ms = command.expires_ms - now_ms
        owner = self._registry.owner(command.point)
        if left_ms <= 0:
            return False
        if owner is None:
            reason = "no gateway has declared this point"
            self._registry.record_result(Result(command.id, command.point, Outcome.FAILED, now_ms, reason))
            return False
        site, _, gateway = owner.partition("/")
        published = self._client.publish(
            topic(site, gateway, Channel.COMMANDS),
            encode(command),
            expiry_s=max(1, left_ms // 1000),
            on_done=partial(self._sent.append, command.id),
        )
        if published:
            self._in_flight.add(command.id)
            log.info("command_published id=%s point=%s slot=%d", command.id, command.point, command.slot)
        return published

    def _open_commands(self) -> list[Command]:
        commands: list[Command] = []
        after = None
        while page := self._registry.commands(open_only=True, after=after):
            commands += [record.command for record in page]
            after = page[-1].sequence
        return commands[::-1]

    def _plan_retry(self, command_id: str) -> None:
        """Only the process whose report counted comes here, so a failure is retried once however many listen."""
        record = self._registry.command(command_id)
        origin, _, attempt = command_id.rpartition(_ATTEMPT) if _ATTEMPT in command_id else (command_id, "", "1")
        due_ms = self._clock.now_ms() + RETRY_AFTER_MS
        if record is None or int(attempt) >= MAX_ATTEMPTS or due_ms >= record.command.expires_ms:
            return
        asked = record.command
        again = Command(
            f"{origin}{_ATTEMPT}{int(attempt) + 1}", asked.point, asked.slot, asked.value, asked.by,
            asked.why, due_ms, asked.expires_ms,
        )  # fmt: skip
        self._retries.append((due_ms, again))

    def _requeue(self, now_ms: int) -> None:
        for due_ms, command in list(self._retries):
            if due_ms > now_ms:
                continue
            failed_id = command.id.rpartition(_ATTEMPT)[0]
            newer = [r for r in self._registry.commands(point=command.point) if r.command.slot == command.slot]
            # The newest of the slot is the one that failed, or somebody has asked for something else meanwhile.
            if command.expires_ms > now_ms and newer and newer[0].command.id.partition(_ATTEMPT)[0] == failed_id:
                failed = newer[0]
                self._registry.queue_command(command, failed.origin_model, failed.expected_effect)
                log.info("command_retried id=%s after=%s", command.id, failed.command.id)
            # Only now: with the registry away it is due again.
            self._retries.remove((due_ms, command))


def is_result(message: Message) -> bool:
    """Whether a message came on a gateway's ``results`` topic."""
    try:
        return parse_topic(message.topic).channel is Channel.RESULTS
    except DomainError:
        return False


def is_in_force(state: CommandState) -> bool:
    """Whether a command of this state may stand in its gateway's priority array."""
    return state.is_open or state is CommandState.APPLIED
