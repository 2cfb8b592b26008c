"""On/off trials of control: planned with a reason, frozen as planned, started, ended or aborted; never edited."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from core.calendar import HOUR_MS
from core.errors import ConflictError, DomainError, NotFoundError
from stores.registry.control_tables import trial
from stores.registry.database import Database

log = logging.getLogger("promessa.stores")

_FIND: Final = select(trial).where(trial.c.id == bindparam("one"))
_ITSELF: Final = "the plan"
MOST_SEEDS: Final = 2**53
"""A larger number is not the same in every JSON."""


class TrialUnit(StrEnum):
    """What is switched as a whole."""

    DAY = "day"
    WEEK = "week"


class TrialState(StrEnum):
    """Where a trial is."""

    PLANNED = "planned"
    RUNNING = "running"
    ENDED = "ended"
    """It ran to the end of its plan."""
    ABORTED = "aborted"
    """It was stopped before, or never started."""

    @property
    def is_open(self) -> bool:
        """Whether it may still switch something."""
        return self in (TrialState.PLANNED, TrialState.RUNNING)


class TrialBlock(msgspec.Struct, frozen=True):
    """A local day or week in which control is on or off.

    Attributes
    ----------
    start_ms, end_ms
        Half open, UTC milliseconds.
    is_on
        Whether control drives the building; else its own schedule does.
    group
        Blocks of one group are alike, and about half of them are on; what was drawn by lot was who.
    """

    start_ms: int
    end_ms: int
    is_on: bool
    group: int


class TrialPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which blocks are on and which off.

    Attributes
    ----------
    unit
        Length of a block.
    seed
        Of the lots; the same seed draws the same plan.
    washout_h
        The first hours of every block that do not count, because the building remembers the block before.
    blocks
        Consecutive, without a gap.

    Raises
    ------
    DomainError
        Nothing to compare, a gap, or a wash-out that leaves nothing.
    """

    unit: TrialUnit
    seed: int
    washout_h: int
    blocks: tuple[TrialBlock, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.seed < MOST_SEEDS:
            raise DomainError("the seed of a trial is a whole number from 0 to 2**53")
        if len({block.is_on for block in self.blocks}) < 2:
            raise DomainError("a trial needs a block with control and one without")
        if any(before.end_ms != after.start_ms for before, after in zip(self.blocks, self.blocks[1:], strict=False)):
            raise DomainError("the blocks of a trial follow each other without a gap")
        shortest = min(block.end_ms - block.start_ms for block in self.blocks)
        if not 0 <= self.washout_h * HOUR_MS <= shortest / 2:
            raise DomainError("the wash-out of a trial is at most half of its shortest block")

    @property
    def start_ms(self) -> int:
        """Where it begins, UTC milliseconds."""
        return self.blocks[0].start_ms

    @property
    def end_ms(self) -> int:
        """Where it ends, not included, UTC milliseconds."""
        return self.blocks[-1].end_ms

    def block_at(self, time_ms: int) -> TrialBlock | None:
        """TrialBlock that holds a time, None outside of the plan."""
        return next((block for block in self.blocks if block.start_ms <= time_ms < block.end_ms), None)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A trial of one building.

    Attributes
    ----------
    id
        Unique.
    building
        ``site/building``.
    plan
        Frozen: another plan is another trial.
    by, why, entered_ms
        Who planned it, what for, and when.
    state
        As it was last told; `settled` says what time has made of it.
    started_by, started_ms
        Who started it, and when.
    ended_by, ended_why, ended_ms
        Who ended it, why, and when.
    """

    id: str
    building: str
    plan: TrialPlan
    by: str
    why: str
    entered_ms: int
    state: TrialState = TrialState.PLANNED
    started_by: str = ""
    started_ms: int | None = None
    ended_by: str = ""
    ended_why: str = ""
    ended_ms: int | None = None

    def __post_init__(self) -> None:
        if not self.id or not self.building:
            raise DomainError("a trial needs an id and a building")
        if not self.by.strip() or not self.why.strip():
            raise DomainError("a trial says who plans it and why")


def settled(value: Trial, now_ms: int) -> Trial:
    """A trial as time has made it: one that ran to its end has ended, one never started will not any more."""
    if value.state is TrialState.RUNNING and now_ms >= value.plan.end_ms:
        return msgspec.structs.replace(
            value, state=TrialState.ENDED, ended_by=_ITSELF, ended_why="It ran to its end.", ended_ms=value.plan.end_ms
        )
    if value.state is TrialState.PLANNED and now_ms > value.plan.start_ms:
        return msgspec.structs.replace(
            value, state=TrialState.ABORTED, ended_by=_ITSELF, ended_why="Nobody started it.",
            ended_ms=value.plan.start_ms,
        )  # fmt: skip
    return value


class Trials(Database):
    """On/off trials; at most one of a building is open."""

    def enter_trial(self, value: Trial) -> Trial:
        """Keep a new trial.

        Raises
        ------
        DomainError
            It begins in the past, where lots could be picked by what came of them, or is not new.
        ConflictError
            The building has an open trial, or the id is taken.
        """
        if value.state is not TrialState.PLANNED or value.plan.start_ms <= value.entered_ms:
            raise DomainError("a trial is planned before it begins")
        with self._write() as connection:
            for former in _of(connection, value.building):
                _put(connection, former, settled(former, value.entered_ms))
            try:
                connection.execute(trial.insert().values(**_columns(value), id=value.id, building=value.building))
            except IntegrityError as error:
                raise ConflictError(
                    f"trial {value.id} exists, or {value.building} has another one that is planned or running"
                ) from error
        log.info("trial_planned id=%s building=%s by=%s", value.id, value.building, value.by)
        return value

    def start_trial(self, trial_id: str, *, by: str, now_ms: int) -> Trial:
        """Let a planned trial switch its building from its beginning on.

        Raises
        ------
        NotFoundError
            There is none of that id.
        ConflictError
            It is not planned any more: it runs, has ended, or should have begun.
        """
        with self._write() as connection:
            kept = settled(_find(connection, trial_id), now_ms)
            if kept.state is not TrialState.PLANNED:
                raise ConflictError(f"trial {trial_id} cannot be started: {_standing(kept)}")
            new = msgspec.structs.replace(kept, state=TrialState.RUNNING, started_by=by, started_ms=now_ms)
            _put(connection, kept, new)
        log.info("trial_started id=%s by=%s", trial_id, by)
        return new

    def stop_trial(self, trial_id: str, *, by: str, why: str, now_ms: int) -> Trial:
        """End a trial; before the end of its plan it is aborted, and control goes on as without one.

        Raises
        ------
        NotFoundError
            There is none of that id.
        ConflictError
            It ended before.
        DomainError
            Nobody or no reason is named.
        """
        if not by.strip() or not why.strip():
            raise DomainError("who stops a trial says why")
        with self._write() as connection:
            stored = _find(connection, trial_id)
            kept = settled(stored, now_ms)
            if not stored.state.is_open:
                raise ConflictError(f"trial {trial_id} cannot be stopped: {_standing(stored)}")
            if kept.state.is_open:
                kept = msgspec.structs.replace(
                    kept, state=TrialState.ABORTED, ended_by=by, ended_why=why, ended_ms=now_ms
                )
            _put(connection, stored, kept)
        log.info("trial_stopped id=%s state=%s by=%s", trial_id, kept.state.value, by)
        return kept

    def trial(self, trial_id: str) -> Trial | None:
        """Trial of that id, or None."""
        with self._read() as connection:
            row = connection.execute(_FIND, {"one": trial_id}).first()
        return _from_row(row) if row else None

    def trials(self, building: str | None = None) -> list[Trial]:
        """Trials in the order in which they were planned."""
        query = select(trial).order_by(trial.c.sequence)
        if building is not None:
            query = query.where(trial.c.building == building)
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def running_trial(self, building: str) -> Trial | None:
        """The started trial of a building, None when there is none; what control asks at each decision."""
        query = select(trial).where(trial.c.building == building, trial.c.state == TrialState.RUNNING, trial.c.is_open)
        with self._read() as connection:
            row = connection.execute(query).first()
        return _from_row(row) if row else None


def _of(connection: Connection, building: str) -> list[Trial]:
    rows = connection.execute(select(trial).where(trial.c.building == building, trial.c.is_open))
    return [_from_row(row) for row in rows]


def _find(connection: Connection, trial_id: str) -> Trial:
    row = connection.execute(_FIND, {"one": trial_id}).first()
    if row is None:
        raise NotFoundError(f"there is no trial {trial_id[:64]!r}")
    return _from_row(row)


def _put(connection: Connection, old: Trial, new: Trial) -> None:
    """Write what has changed, unless somebody else was quicker."""
    if new == old:
        return
    done = connection.execute(
        update(trial).where(trial.c.id == old.id, trial.c.is_open).values(**_columns(new))
    ).rowcount
    if not done:
        raise ConflictError(f"trial {old.id} was changed at the same time")


def _standing(value: Trial) -> str:
    return f"it is {value.state.value}" + (f" ({value.ended_why})" if value.ended_why else "")


def _columns(value: Trial) -> dict[str, Any]:
    return {
        "plan": msgspec.json.encode(value.plan).decode(),
        "entered_by": value.by,
        "why": value.why,
        "entered_ms": value.entered_ms,
        "state": value.state.value,
        "is_open": value.state.is_open,
        "started_by": value.started_by,
        "started_ms": value.started_ms,
        "ended_by": value.ended_by,
        "ended_why": value.ended_why,
        "ended_ms": value.ended_ms,
    }


def _from_row(row: Row[Any]) -> Trial:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy
    del values["sequence"], values["is_open"]
    values["by"] = values.pop("entered_by")
    values["state"] = TrialState(values["state"])
    values["plan"] = msgspec.json.decode(values["plan"], type=TrialPlan)
    return Trial(**values)
