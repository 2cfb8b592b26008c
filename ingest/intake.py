"""The intake: takes readings from MQTT, judges and stores them, and only then tells broker and gateway so."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from broker.client import BrokerClient, Message
from core.clock import Clock, monotonic_s
from core.codec import GatewayState, Stored, decode_message, encode
from core.config.models import Ingest as Settings
from core.errors import DomainError, UnavailableError
from core.points import Point
from core.readings import Quality, quality_name
from core.topics import Channel, every
from ingest.checks import Columns, Flags, judge, take_over
from ingest.counters import Counters
from ingest.letters import DeadLetters
from ingest.marks import Marks
from ingest.ports import Registry
from ingest.salvage import Fault
from ingest.series import SeriesTable
from ingest.sieve import Sifted, sift
from ingest.sources import Source, source_of
from stores import columns as stored
from stores.port import ReadingStore

log = logging.getLogger("promessa.ingest")

SESSION_EXPIRY_S: Final = 7 * 86_400
"""How long the broker keeps messages for an ingest that is away; the gateways' spools keep theirs for longer."""

_RETRY_FIRST_S: Final = 0.2
_RETRY_MAX_S: Final = 10.0
_REVISION_EVERY_S: Final = 1.0
_STORED_EXPIRY_S: Final = 3600
_LETTER_POINTS: Final = 50
_TAKE_BYTES: Final = 393_216
"""What the processor's cache holds decoded."""
_STORED_IDS: Final = 1000
"""Most ids in one message: an answer must not be larger than the broker takes."""
_SOURCES: Final = 20_000


@dataclass(slots=True)
class _Load:
    """Messages on their way into the store, judged once however often the store has to be asked."""

    messages: list[Message] = field(default_factory=list)
    parts: list[Columns] = field(default_factory=list)
    readings: int = 0
    ids: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    until_ms: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    refused: int = 0


class Ingest:
    """Takes readings and gateway states; one thread, turned by `pump`.

    Parameters
    ----------
    settings
        Section ``[ingest]``.
    connect
        Makes the client when it is handed `on_message`, for example
        ``lambda on_message: PahoClient(broker, "ingest", on_message=on_message, session_expiry_s=SESSION_EXPIRY_S)``.
    store, registry
        Where things are kept.
    clock
        Tells what is ahead of time.

    Notes
    -----
    A message is acknowledged to the broker, and its batch to the gateway, after the store has it for good. Whatever is
    killed before that, the broker or the gateway's spool delivers it again, and the store takes it again as the same.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[Callable[[Message], None]], BrokerClient],
        store: ReadingStore,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._registry = registry
        self._clock = clock
        self._letters = DeadLetters(registry, clock)
        self._table = SeriesTable()
        self._marks = Marks()
        self._sources: dict[str, Source] = {}
        self._inbox: list[Message] = []
        self._load = _Load()
        self._revision = -1
        self._revision_due_s = 0.0
        self._retries = 0
        self._retry_at_s = 0.0
        self._counts: Counter[str] = Counter()
        self._marked: Counter[int] = Counter()
        self._newest_ms = self._stored_ms = 0
        self.client = connect(self._inbox.append)
        share = f"$share/{settings.share}/" if settings.share else ""
        self.client.subscribe(f"{share}{every(Channel.READINGS)}")
        self.client.subscribe(every(Channel.STATE))

    def pump(self, timeout_s: float) -> int:
        """Wait up to `timeout_s` for messages, take what is there into the store; returns readings stored.

        With the store away it keeps what it has, takes nothing more, and tries again with back-off.
        """
        if self._inbox or self._load.messages:
            wait_s = self._retry_at_s - monotonic_s()
            self.client.pump(max(0.0, min(wait_s, timeout_s)), read=False)
            if wait_s > timeout_s:
                return 0
        else:
            self.client.pump(timeout_s)
        return self._drain()

    def counters(self) -> Counters:
        """What it has done, as one value."""
        return Counters(
            messages=self._counts["messages"],
            readings=self._counts["readings"],
            refused=self._counts["refused"],
            marked={quality_name(code): count for code, count in self._marked.items()},
            dead_letters=dict(self._letters.by_code),
            dead_letters_unkept=self._letters.unkept,
            failures=self._counts["failures"],
            waiting=self._retries > 0,
            newest_ms=self._newest_ms,
            stored_ms=self._stored_ms,
        )

    def close(self) -> None:
        """Disconnect; what is not stored yet stays unacknowledged and comes again."""
        self.client.close()

    def _drain(self) -> int:
        done = 0
        try:
            while self._inbox or self._load.messages:
                load = self._load
                while self._inbox and load.readings < self._settings.flush_rows:
                    self._take(load)
                if load.readings:
                    columns = (np.concatenate(parts) for parts in zip(*load.parts, strict=True))
                    self._store.write_columns(stored.Columns(self._table.points, *columns))
                self._load = _Load()
                self._finish(load)
                done += load.readings
        except UnavailableError as error:
            self._wait(error)
        else:
            self._retries = 0
        return done

    def _wait(self, error: UnavailableError) -> None:
        wait_s = min(_RETRY_MAX_S, _RETRY_FIRST_S * 2 ** min(self._retries, 10))
        self._retries += 1
        self._counts["failures"] += 1
        self._retry_at_s = monotonic_s() + wait_s
        log.warning("store_unavailable code=%s error=%r retry_in_s=%.1f", error.code, error.message, wait_s)

    def _take(self, load: _Load) -> None:
        """Take some messages from the inbox into `load`: as many as the processor's cache holds, judged.

        Until everything that can fail has been done, inbox and load stay as they are.
        """
        messages: list[Message] = []
        sources: list[Source] = []
        payloads: list[bytes] = []
        faults: list[tuple[str, Fault]] = []
        size = 0
        for message in self._inbox:
            if size >= _TAKE_BYTES:
                break
            messages.append(message)
            size += len(message.payload)
            try:
                source = self._sources.get(message.topic) or self._source(message.topic)
                if source.channel is Channel.READINGS:
                    sources.append(source)
                    payloads.append(message.payload)
                elif message.payload:
                    wrong = self._register(source, decode_message(message.payload, GatewayState))
                    faults += [(message.topic, fault) for fault in wrong]
            except DomainError as error:
                faults.append((message.topic, Fault(message.payload, error.code, error.message)))
        self._refresh()
        del self._inbox[: len(messages)]
        load.messages += messages
        load.faults += faults
        if payloads:
            self._judge(load, sources, sift(sources, payloads, self._table))

    def _source(self, name: str) -> Source:
        if len(self._sources) >= _SOURCES:
            self._sources.clear()
        source = self._sources[name] = source_of(name, self._table)
        return source

    def _register(self, source: Source, state: GatewayState) -> list[Fault]:
        """Take over a gateway's state and points; returns what is refused of it."""
        now_ms = self._clock.now_ms()
        own = [p for p in state.points if p.site == source.site]
        foreign = [p.id for p in state.points if p.site != source.site]
        owned = self._registry.declare_points(source.gateway, own, now_ms) if own else []
        self._registry.put_gateway_state(source.site, source.name, state, now_ms)
        if own:
            self._revision_due_s = 0.0
        log.info("gateway_state gateway=%s status=%s points=%d", source.gateway, state.status, len(own))
        faults = []
        if foreign:
            faults.append(Fault(_listed(foreign), "state.foreign-site", f"points that are not of site {source.site}"))
        if owned:
            faults.append(Fault(_listed(owned), "state.not-owner", "points that another gateway declared before"))
        return faults

    def _refresh(self) -> None:
        """Take over definitions and owners from the registry when they have changed."""
        if monotonic_s() < self._revision_due_s:
            return
        revision = self._registry.revision()
        if revision != self._revision:
            points: Sequence[Point] = self._registry.points()
            self._table.declare(points, self._registry.owners())
            self._table.seed(self._store.latest(self._table.unseeded()))
            log.info("points_taken_over revision=%d points=%d", revision, len(points))
        self._revision = revision
        self._revision_due_s = monotonic_s() + _REVISION_EVERY_S

    def _judge(self, load: _Load, sources: list[Source], sifted: Sifted) -> None:
        columns = sifted.columns
        ahead_ms = self._clock.now_ms() + self._settings.clock_tolerance_s * 1000
        verdict = judge(self._table, columns, ahead_ms)
        take_over(self._table, verdict.standing)
        self._marks.recall(columns, verdict.quality, verdict.late)
        self._marks.remember(columns, verdict.quality, verdict.in_order)
        self._marked.update(verdict.quality[verdict.quality != columns.quality].tolist())
        load.parts.append(columns._replace(quality=verdict.quality))
        load.readings += len(columns.row)
        load.refused += sifted.refused
        load.faults += [(sources[at].topic, fault) for at, fault in sifted.faults]
        _note_stored(load, sources, sifted, verdict.quality == Quality.UNCERTAIN_CLOCK)

    def _finish(self, load: _Load) -> None:
        """Everything of `load` is durable: put aside what was refused, acknowledge, count."""
        for name, fault in load.faults:
            self._letters.put(name, *fault)
        for message in load.messages:
            self.client.ack(message)
        for name in load.ids.keys() | load.until_ms.keys():
            ids, until_ms = load.ids[name], load.until_ms[name]
            for start in range(0, max(len(ids), 1), _STORED_IDS):
                # Not sent, or lost on its way: the gateway sends the batch again, and is told again.
                told = Stored(ids[start : start + _STORED_IDS], until_ms)
                self.client.publish(name, encode(told), expiry_s=_STORED_EXPIRY_S)
            self._newest_ms = max(self._newest_ms, until_ms)
        if load.readings:
            self._stored_ms = self._clock.now_ms()
        self._counts.update(messages=len(load.messages), readings=load.readings, refused=load.refused)
        log.debug("load_stored messages=%d rows=%d refused=%d", len(load.messages), load.readings, load.refused)


def _note_stored(load: _Load, sources: Sequence[Source], sifted: Sifted, ahead: Flags) -> None:
    """Note what to tell on each ``stored`` topic; a reading ahead of the clock does not move its listeners' time."""
    for source, name in zip(sources, sifted.ids, strict=True):
        if name:
            load.ids[source.stored].append(name)
    if not len(ahead):
        return
    time_ms = np.where(ahead, 0, sifted.columns.time_ms)
    starts = np.flatnonzero(np.diff(sifted.payload, prepend=-1))
    newest = np.maximum.reduceat(time_ms, starts)
    for at, until_ms in zip(sifted.payload[starts].tolist(), newest.tolist(), strict=True):
        told = sources[at].stored
        load.until_ms[told] = max(load.until_ms[told], until_ms)


def _listed(points: Sequence[str]) -> bytes:
    return msgspec.json.encode(points[:_LETTER_POINTS])
