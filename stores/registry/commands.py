"""Commands: outbox and audit trail, from who asked for what and why to the one state each ends in."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from core.codec import MAX_TIME_MS
from core.commands import Command, Result
from core.errors import ConflictError
from core.points import building_of
from stores.registry.dead_letters import DeadLetters
from stores.registry.tables import command, command_event

log = logging.getLogger("promessa.stores")

RESULT_GRACE_MS: Final = 60_000
"""How long after its expiry a command's result may still be on its way."""


# Made once: to build a statement takes longer than to run it.
_FIND: Final = select(command).where(command.c.id == bindparam("one"))
_INSERT: Final = command.insert()
_NOTE: Final = command_event.insert()


class CommandState(StrEnum):
    """Where a command is: waiting, on its way, or in one of `core.commands.Outcome`."""

    QUEUED = "queued"
    SENT = "sent"
    APPLIED = "applied"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self in (CommandState.QUEUED, CommandState.SENT)


_SEND: Final = (
    update(command)
    .where(command.c.id == bindparam("one"), command.c.state == CommandState.QUEUED)
    .values(state=CommandState.SENT, sent_ms=bindparam("at_ms"))
)
_SENT_BEFORE: Final = (
    update(command)
    .where(command.c.id == bindparam("one"), command.c.sent_ms.is_(None))
    .values(sent_ms=bindparam("at_ms"))
)
_WAITING: Final = select(command.c.id).where(
    command.c.point == bindparam("at_point"),
    command.c.slot == bindparam("at_slot"),
    command.c.is_open,
    command.c.state == CommandState.QUEUED,
)
_QUEUED: Final = (
    select(command).where(command.c.is_open, command.c.state == CommandState.QUEUED).order_by(command.c.sequence)
)
_OVERDUE: Final = (
    select(command)
    .where(command.c.is_open, command.c.expires_ms <= bindparam("before_ms"))
    .order_by(command.c.sequence)
)
_END: Final = (
    update(command)
    .where(command.c.id == bindparam("one"), command.c.is_open)
    .values(
        state=bindparam("to_state"),
        is_open=False,
        ended_ms=bindparam("at_ms"),
        reason=bindparam("because"),
        read_back=bindparam("seen"),
    )
)


class CommandRecord(msgspec.Struct, frozen=True):
    """A command and what became of it.

    Attributes
    ----------
    sequence
        Grows with every command; a place to go on from.
    origin_model
        Strategy of a supervisory decision, and the model and version it rests on; empty for a person's.
    expected_effect
        What it should bring about, in words.
    sent_ms, ended_ms
        UTC milliseconds, None when not yet.
    reason, read_back
        As in `core.commands.Result`.
    """

    sequence: int
    command: Command
    state: CommandState
    origin_model: str = ""
    expected_effect: str = ""
    sent_ms: int | None = None
    ended_ms: int | None = None
    reason: str = ""
    read_back: float | None = None


class CommandEvent(msgspec.Struct, frozen=True):
    """One line of a command's history.

    Attributes
    ----------
    time_ms
        UTC milliseconds.
    state
        What it became, or was reported to be.
    counted
        False for a report that changed nothing, because the command had ended before.
    detail
        In words.
    """

    time_ms: int
    state: CommandState
    counted: bool
    detail: str


class Commands(DeadLetters):
    """Commands; a result that belongs to none of them becomes a dead letter."""

    def queue_command(self, value: Command, origin_model: str = "", expected_effect: str = "") -> CommandRecord:
        """Keep a command for dispatch.

        What waits for the same point and slot and was not sent yet is superseded. Queueing the same request
        under the same id again changes nothing and returns what is kept.

        Parameters
        ----------
        origin_model
            Strategy, and model and version, that the decision rests on.
        expected_effect
            What it should bring about, in words.

        Raises
        ------
        ConflictError
            The id is taken by a different request.
        """
        try:
            with self._write() as connection:
                kept = _record(connection, value.id)
                if kept is None:
                    return self._insert_command(connection, value, origin_model, expected_effect)
        except IntegrityError:
            # PostgreSQL lets two writers in at once; the other was first.
            kept = self.command(value.id)
        if kept is None or not _is_same_request(kept.command, value):
            raise ConflictError(f"command {value.id} exists already and asks for something else")
        return kept

    def queued_commands(self) -> list[Command]:
        """Commands that wait for dispatch, oldest first."""
        with self._read() as connection:
            rows = connection.execute(_QUEUED).all()
        return [_from_row(row).command for row in rows]

    def mark_sent(self, command_id: str, now_ms: int) -> bool:
        """Note that a queued command was handed to the broker; False when it was not queued any more."""
        with self._write() as connection:
            changed = connection.execute(_SEND, {"one": command_id, "at_ms": now_ms}).rowcount
            if changed:
                _note(connection, command_id, now_ms, CommandState.SENT, "")
            else:
                # Its result was faster than the broker's word: it was sent all the same.
                connection.execute(_SENT_BEFORE, {"one": command_id, "at_ms": now_ms})
        return bool(changed)

    def record_result(self, result: Result) -> bool:
        """Note how a command ended; the first end counts.

        Returns
        -------
        bool
            Whether the command was open. A later report of another end is only noted in its history; the same
            report again changes nothing; one of an unknown command, or
            with a time that is none, goes to the dead letters.
        """
        if not 0 <= result.time_ms <= MAX_TIME_MS:
            self._set_aside(result, "command.result-unusable", f"its time {result.time_ms:.3e} ms is none")
            return False
        state = CommandState(result.outcome)
        read_back = "" if result.read_back is None else f"read back {result.read_back:g}"
        detail = "; ".join(part for part in (result.reason, read_back) if part)
        with self._write() as connection:
            if _end(connection, result.command_id, result.time_ms, state, detail, result=result):
                return True
            kept = _record(connection, result.command_id)
            if kept is not None and (kept.state, kept.ended_ms) != (state, result.time_ms):
                _note_once(connection, result.command_id, result.time_ms, state, detail)
        if kept is None:
            self._set_aside(result, "command.unknown", "nobody sent this command")
        return False

    def expire_commands(self, now_ms: int, grace_ms: int = RESULT_GRACE_MS) -> list[Command]:
        """End open commands whose time passed `grace_ms` ago without a result; returns them."""
        with self._read() as connection:
            rows = connection.execute(_OVERDUE, {"before_ms": now_ms - grace_ms})
            overdue = [_from_row(row) for row in rows]
        if not overdue:
            return []
        with self._write() as connection:
            return [
                r.command
                for r in overdue
                if _end(connection, r.command.id, now_ms, CommandState.EXPIRED, f"no result while {r.state}")
            ]

    def commands(
        self,
        point: str | None = None,
        building: str | None = None,
        *,
        slot: int | None = None,
        open_only: bool = False,
        limit: int = 100,
        after: int | None = None,
    ) -> list[CommandRecord]:
        """Commands, newest first, at most `limit`; `after` goes on below that sequence."""
        query = select(command).order_by(command.c.sequence.desc()).limit(limit)
        if point is not None:
            query = query.where(command.c.point == point)
        if building is not None:
            query = query.where(command.c.building == building)
        if slot is not None:
            query = query.where(command.c.slot == slot)
        if open_only:
            query = query.where(command.c.is_open)
        if after is not None:
            query = query.where(command.c.sequence < after)
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def command(self, command_id: str) -> CommandRecord | None:
        """Command of that id, or None."""
        with self._read() as connection:
            return _record(connection, command_id)

    def count_commands(self) -> dict[CommandState, int]:
        """How many commands are in each state; states without any are left out."""
        query = select(command.c.state, func.count()).group_by(command.c.state)
        with self._read() as connection:
            return {CommandState(state): count for state, count in connection.execute(query)}

    def command_events(self, command_id: str) -> list[CommandEvent]:
        """History of a command, oldest first; empty when it is unknown."""
        query = select(command_event).where(command_event.c.command_id == command_id)
        with self._read() as connection:
            rows = connection.execute(query.order_by(command_event.c.sequence)).all()
        return [CommandEvent(r.time_ms, CommandState(r.state), r.counted, r.detail) for r in rows]

    def _set_aside(self, result: Result, code: str, reason: str) -> None:
        time_ms = min(max(result.time_ms, 0), MAX_TIME_MS)
        kept = msgspec.structs.replace(result, time_ms=time_ms)
        self.put_dead_letter("", msgspec.json.encode(kept), code, reason, time_ms)
        log.warning("result_set_aside code=%s command=%r reason=%r", code, result.command_id[:64], reason)

    def _insert_command(
        self, connection: Connection, value: Command, origin_model: str, expected_effect: str
    ) -> CommandRecord:
        waiting = connection.scalars(_WAITING, {"at_point": value.point, "at_slot": value.slot}).all()
        for command_id in waiting:
            _end(connection, command_id, value.issued_ms, CommandState.SUPERSEDED, f"by {value.id}, before it was sent")
        inserted = connection.execute(
            _INSERT,
            {
                "id": value.id,
                "point": value.point,
                "building": building_of(value.point),
                "slot": value.slot,
                "value": value.value,
                "requested_by": value.by,
                "why": value.why,
                "issued_ms": value.issued_ms,
                "expires_ms": value.expires_ms,
                "origin_model": origin_model,
                "expected_effect": expected_effect,
                "state": CommandState.QUEUED,
                "is_open": True,
                "reason": "",
            },
        )
        (sequence,) = inserted.inserted_primary_key or (0,)
        _note(connection, value.id, value.issued_ms, CommandState.QUEUED, f"{value.by}: {value.why}")
        log.info("command_queued id=%s point=%s slot=%d", value.id, value.point, value.slot)
        return CommandRecord(sequence, value, CommandState.QUEUED, origin_model, expected_effect)


def _end(
    connection: Connection,
    command_id: str,
    time_ms: int,
    state: CommandState,
    detail: str,
    *,
    result: Result | None = None,
) -> bool:
    """End a command if it is open; the database decides who was first."""
    changed = connection.execute(
        _END,
        {
            "one": command_id,
            "to_state": state,
            "at_ms": time_ms,
            "because": result.reason if result else detail,
            "seen": result.read_back if result else None,
        },
    ).rowcount
    if changed:
        _note(connection, command_id, time_ms, state, detail)
        log.info("command_ended id=%s state=%s", command_id, state)
    return bool(changed)


def _note(
    connection: Connection, command_id: str, time_ms: int, state: CommandState, detail: str, *, counted: bool = True
) -> None:
    connection.execute(
        _NOTE, {"command_id": command_id, "time_ms": time_ms, "state": state, "counted": counted, "detail": detail}
    )


def _note_once(connection: Connection, command_id: str, time_ms: int, state: CommandState, detail: str) -> None:
    events = command_event.c
    noted = select(events.sequence).where(
        events.command_id == command_id, events.time_ms == time_ms, events.state == state
    )
    if connection.execute(noted).first() is None:
        _note(connection, command_id, time_ms, state, detail, counted=False)


def _record(connection: Connection, command_id: str) -> CommandRecord | None:
    row = connection.execute(_FIND, {"one": command_id}).first()
    return _from_row(row) if row else None


def _from_row(row: Row[Any]) -> CommandRecord:
    value = Command(
        row.id, row.point, row.slot, row.value, row.requested_by, row.why, row.issued_ms, row.expires_ms
    )  # fmt: skip
    return CommandRecord(
        row.sequence,
        value,
        CommandState(row.state),
        row.origin_model,
        row.expected_effect,
        row.sent_ms,
        row.ended_ms,
        row.reason,
        row.read_back,
    )


def _is_same_request(a: Command, b: Command) -> bool:
    """Whether both ask for the same entry, until the same time or for the same length of time."""
    asks = [(c.point, c.slot, c.value, c.by, c.why) for c in (a, b)]
    same_length = a.expires_ms - a.issued_ms == b.expires_ms - b.issued_ms
    return asks[0] == asks[1] and (a.expires_ms == b.expires_ms or same_length)
