"""How far control is trusted, by building and by point, and the switch that stops it: every change with who and why."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select, text

from core.errors import ConflictError, DomainError
from stores.registry.control_tables import control_stop, trust
from stores.registry.database import Database
from stores.registry.tables import point

log = logging.getLogger("promessa.stores")

# Any number that no other lock of two numbers in the database begins with.
_TRUST_LOCK: Final = 0x54525354


class TrustMode(StrEnum):
    """What control may do; each allows what those before it allow."""

    OFF = "off"
    """Nothing at all. Only the configuration says so."""
    ADVISE = "advise"
    """Say what it would send."""
    SUPERVISE = "supervise"
    """Send each change that a person has approved."""
    DRIVE = "drive"
    """Send."""

    @property
    def rank(self) -> int:
        """Its place in the order, from 0."""
        return _ORDER.index(self)

    @property
    def may_send(self) -> bool:
        """Whether a command may come of it."""
        return self.rank >= TrustMode.SUPERVISE.rank


_ORDER: Final = list(TrustMode)


class TrustChange(msgspec.Struct, frozen=True):
    """One line of the history of trust.

    Attributes
    ----------
    building
        ``site/building``.
    point
        Point id when it is about one point; empty: the building.
    before, after
        The mode on record before and after.
    time_ms
        UTC milliseconds.
    by, why
        Who decided, and in their words.
    covers
        Points that were there when the building was raised, and follow it.
    """

    building: str
    point: str
    before: TrustMode
    after: TrustMode
    time_ms: int
    by: str
    why: str
    covers: list[str] = []


class StopChange(msgspec.Struct, frozen=True):
    """Somebody stopped control of a building, or released it.

    Attributes
    ----------
    is_stopped
        True when it was stopped.
    time_ms
        UTC milliseconds.
    by, why
        Who, and in their words.
    """

    building: str
    is_stopped: bool
    time_ms: int
    by: str
    why: str


class Trust(msgspec.Struct, frozen=True):
    """What is on record of a building.

    Attributes
    ----------
    mode
        Of the building.
    points
        Modes of points that have one of their own.
    covers
        Points that follow the building; one that came later starts in ``advise``.
    stop
        Who stopped control; None while it is not stopped.
    """

    building: str
    mode: TrustMode = TrustMode.ADVISE
    points: Mapping[str, TrustMode] = {}
    covers: frozenset[str] = frozenset()
    stop: StopChange | None = None

    def mode_of(self, point_id: str) -> TrustMode:
        """Mode on record of a point: its own, else its building's if that was raised with it there."""
        follows = self.mode if point_id in self.covers else TrustMode.ADVISE
        return self.points.get(point_id, follows)


class Trusts(Database):
    """Trust and stops; nothing of them is ever changed, the newest line counts."""

    def trust(self, building: str) -> Trust:
        """What is on record of a building; one without any is in ``advise``."""
        with self._read() as connection:
            return _trust(connection, building)

    def hold_trust(self, building: str) -> None:
        """Keep everybody else who holds it from going on until this transaction ends; call it within `together`, first.

        Whoever decides by the trust of a building and whoever changes it come one after the other then: what was read
        is still so when it is acted on.
        """
        with self._write() as connection:
            _hold(connection, building)

    def set_trust(
        self,
        building: str,
        mode: TrustMode,
        *,
        by: str,
        why: str,
        now_ms: int,
        point_id: str = "",
        also_covers: Iterable[str] = (),
    ) -> TrustChange:
        """Keep a mode of a building or of one point.

        Raising a building, or setting it to what it has, takes in all points that can be driven and are there now.

        Parameters
        ----------
        by, why
            Who decided, and in their words.
        point_id
            For this point only; empty: for the building.
        also_covers
            Points besides those that gateways have declared, for example those that are configured.

        Raises
        ------
        DomainError
            `mode` is ``off``, or `by` or `why` is empty.
        """
        if mode is TrustMode.OFF:
            raise DomainError("off is said by the configuration; stop control instead, or set advise")
        _need_words(by, why)
        with self._write() as connection:
            _hold(connection, building)
            known = _trust(connection, building)
            before = known.mode_of(point_id) if point_id else known.mode
            covers: list[str] = []
            if not point_id:
                raised = mode.rank >= before.rank and mode.may_send
                here = {*_driven(connection, building), *also_covers} if raised else set()
                covers = sorted(known.covers | here)
            change = TrustChange(building, point_id, before, mode, now_ms, by, why, covers)
            connection.execute(
                trust.insert().values(
                    building=building,
                    point=point_id,
                    before=before,
                    after=mode,
                    time_ms=now_ms,
                    set_by=by,
                    why=why,
                    covers=msgspec.json.encode(covers).decode(),
                )
            )
        log.info("trust_set building=%s point=%s from=%s to=%s by=%r", building, point_id, before, mode, by)
        return change

    def trust_changes(self, building: str) -> list[TrustChange]:
        """History of a building's trust, newest first."""
        query = select(trust).where(trust.c.building == building).order_by(trust.c.sequence.desc())
        with self._read() as connection:
            return [_change(row) for row in connection.execute(query)]

    def stop_control(self, building: str, *, by: str, why: str, now_ms: int) -> StopChange:
        """Note that control of a building is stopped until somebody releases it; again, with other words, is kept too.

        Raises
        ------
        DomainError
            `by` or `why` is empty.
        """
        _need_words(by, why)
        with self._write() as connection:
            _hold(connection, building)
            return _put_stop(connection, StopChange(building, True, now_ms, by, why))

    def release_control(self, building: str, *, by: str, why: str, now_ms: int) -> StopChange:
        """Note that control of a building may go on, as far as it is trusted.

        Raises
        ------
        ConflictError
            It is not stopped.
        DomainError
            `by` or `why` is empty.
        """
        _need_words(by, why)
        with self._write() as connection:
            _hold(connection, building)
            if _stop(connection, building) is None:
                raise ConflictError(f"control of {building} is not stopped")
            return _put_stop(connection, StopChange(building, False, now_ms, by, why))

    def stop_changes(self, building: str) -> list[StopChange]:
        """Who stopped control of a building and who released it, newest first."""
        query = select(control_stop).where(control_stop.c.building == building)
        with self._read() as connection:
            rows = connection.execute(query.order_by(control_stop.c.sequence.desc())).all()
        return [_stop_change(row) for row in rows]

    def stopped_buildings(self) -> dict[str, StopChange]:
        """Buildings whose control is stopped now, and who did it."""
        newest = select(func.max(control_stop.c.sequence)).group_by(control_stop.c.building)
        query = select(control_stop).where(control_stop.c.sequence.in_(newest), control_stop.c.is_stopped)
        with self._read() as connection:
            return {row.building: _stop_change(row) for row in connection.execute(query)}


def _hold(connection: Connection, building: str) -> None:
    """SQLite lets one write at a time; PostgreSQL lets others write between what is read and what is done about it."""
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:kind, hashtext(:building))")
        connection.execute(lock, {"kind": _TRUST_LOCK, "building": building})


def _trust(connection: Connection, building: str) -> Trust:
    mode, covers = TrustMode.ADVISE, frozenset[str]()
    points: dict[str, TrustMode] = {}
    query = select(trust).where(trust.c.building == building).order_by(trust.c.sequence)
    for change in map(_change, connection.execute(query)):
        if change.point:
            points[change.point] = change.after
        else:
            mode, covers = change.after, frozenset(change.covers)
    return Trust(building, mode, points, covers, _stop(connection, building))


def _stop(connection: Connection, building: str) -> StopChange | None:
    """The stop in force."""
    query = select(control_stop).where(control_stop.c.building == building)
    row = connection.execute(query.order_by(control_stop.c.sequence.desc()).limit(1)).first()
    return _stop_change(row) if row is not None and row.is_stopped else None


def _put_stop(connection: Connection, change: StopChange) -> StopChange:
    connection.execute(
        control_stop.insert().values(
            building=change.building,
            is_stopped=change.is_stopped,
            time_ms=change.time_ms,
            set_by=change.by,
            why=change.why,
        )
    )
    log.info("control_switch building=%s stopped=%s by=%r", change.building, change.is_stopped, change.by)
    return change


def _driven(connection: Connection, building: str) -> list[str]:
    """Points of a building that can be driven."""
    rows = connection.execute(select(point.c.id, point.c.definition).where(point.c.building == building))
    return [row.id for row in rows if msgspec.json.decode(row.definition).get("limits") is not None]


def _need_words(by: str, why: str) -> None:
    if not (by.strip() and why.strip()):
        raise DomainError("say who decides and why: both stay on record")


def _change(row: Row[Any]) -> TrustChange:
    return TrustChange(
        row.building,
        row.point,
        TrustMode(row.before),
        TrustMode(row.after),
        row.time_ms,
        row.set_by,
        row.why,
        msgspec.json.decode(row.covers, type=list[str]),
    )


def _stop_change(row: Row[Any]) -> StopChange:
    return StopChange(row.building, row.is_stopped, row.time_ms, row.set_by, row.why)
