"""Advice: what control would tell each point, since when and why, and the persons who approved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Row, bindparam, case, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, NotFoundError
from stores.registry.control_tables import advice
from stores.registry.database import Database
from stores.registry.trust import TrustMode


class AdviceState(StrEnum):
    """What becomes of it."""

    ADVISED = "advised"
    """Shown, and nothing else: nothing is sent, or nothing needs to be."""
    WAITING = "waiting"
    """For a person's approval."""
    APPROVED = "approved"
    """A person said yes, and it went."""
    SENT = "sent"
    """It goes without asking: in drive, or because it lets go."""
    LAPSED = "lapsed"
    """Nobody approved it in time."""
    WITHDRAWN = "withdrawn"
    """Something else was advised before anybody approved it."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What one point would be told, from one change to the next.

    Attributes
    ----------
    id
        Unique; what is approved.
    building, point
        ``site/building``, and the point's id.
    slot
        Of the priority array, in which it would stand.
    value
        In the point's unit; None: let go.
    strategy, model
        Who advises it, and the model and version it rests on.
    why, effect
        In sentences; the effect that is expected of it, empty when none was foretold.
    mode
        How far control was trusted with the point when this was last looked at.
    since_ms
        Since when this value has been advised, UTC milliseconds.
    expires_ms
        It lapses then, unless it is approved before; None when it does not wait.
    lasts_ms
        Life of the command that comes of an approval, milliseconds.
    ended_ms
        Something else took its place then; None while it is the newest of its point.
    approved_by, approved_ms, approved_why
        Who said yes and when, and in their words.
    command_id
        What was sent on that approval.
    sequence
        Grows with every advice; given by the registry.
    """

    id: str
    building: str
    point: str
    slot: int
    value: float | None
    strategy: str
    why: str
    effect: str = ""
    model: str = ""
    mode: TrustMode
    state: AdviceState
    since_ms: int
    expires_ms: int | None = None
    lasts_ms: int
    ended_ms: int | None = None
    approved_by: str = ""
    approved_ms: int | None = None
    approved_why: str = ""
    command_id: str = ""
    sequence: int = 0

    def waits(self, now_ms: int) -> bool:
        """Whether a person may approve it."""
        in_time = self.expires_ms is not None and now_ms < self.expires_ms
        return self.state is AdviceState.WAITING and self.ended_ms is None and in_time


_END: Final = (
    update(advice)
    .where(advice.c.id == bindparam("one"), advice.c.ended_ms.is_(None))
    .values(
        ended_ms=bindparam("at_ms"),
        # An approval that came in the same moment stays one.
        state=case((advice.c.state == AdviceState.WAITING, bindparam("to_state")), else_=advice.c.state),
    )
)
_SAY: Final = (
    update(advice)
    .where(advice.c.id == bindparam("one"), advice.c.ended_ms.is_(None))
    .values(
        strategy=bindparam("by_strategy"),
        model=bindparam("on_model"),
        why=bindparam("because"),
        effect=bindparam("to_effect"),
        mode=bindparam("in_mode"),
    )
)


class Advices(Database):
    """Advice; one a point is open at any time, the others are its history."""

    def put_advice(
        self,
        *,
        begun: Iterable[Advice] = (),
        said: Iterable[Advice] = (),
        ended: Mapping[str, AdviceState] | None = None,
        now_ms: int,
    ) -> None:
        """Keep what has changed, all or nothing.

        Parameters
        ----------
        begun
            New advice; what was open of its point must be among `ended`.
        said
            Open advice with other words (strategy, model, why, effect, mode), by its id.
        ended
            Ids, and the state of those that still wait.

        Raises
        ------
        ConflictError
            Another process keeps advice for the same point.
        """
        ends = [{"one": name, "to_state": state, "at_ms": now_ms} for name, state in (ended or {}).items()]
        says = [
            {"one": a.id, "by_strategy": a.strategy, "on_model": a.model, "because": a.why, "to_effect": a.effect,
             "in_mode": a.mode}
            for a in said
        ]  # fmt: skip
        rows = [_row(a) for a in begun]
        try:
            with self._write() as connection:
                for statement, values in ((_END, ends), (_SAY, says), (advice.insert(), rows)):
                    if values:
                        connection.execute(statement, values)
        except IntegrityError as error:
            raise ConflictError("another process advises the same point; run one control for each building") from error

    def open_advice(self, building: str) -> dict[str, Advice]:
        """The newest advice of each point, by point id."""
        query = select(advice).where(advice.c.building == building, advice.c.ended_ms.is_(None))
        with self._read() as connection:
            rows = connection.execute(query.order_by(advice.c.point)).all()
        return {row.point: _from_row(row) for row in rows}

    def advice_history(
        self, building: str, point: str | None = None, *, limit: int = 100, after: int | None = None
    ) -> list[Advice]:
        """Advice, what has ended too, newest first, at most `limit`; `after` goes on below that sequence."""
        query = select(advice).where(advice.c.building == building).order_by(advice.c.sequence.desc()).limit(limit)
        if point is not None:
            query = query.where(advice.c.point == point)
        if after is not None:
            query = query.where(advice.c.sequence < after)
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def find_advice(self, advice_id: str) -> Advice | None:
        """Advice of that id, or None."""
        with self._read() as connection:
            row = connection.execute(select(advice).where(advice.c.id == advice_id)).first()
        return _from_row(row) if row else None

    def approve_advice(self, advice_id: str, *, by: str, why: str, command_id: str, now_ms: int) -> Advice:
        """Note that a person approved advice that waits; of several at once the first counts.

        Raises
        ------
        NotFoundError
            There is no such advice.
        ConflictError
            It does not wait: it lapsed, was approved or withdrawn before, or nothing needs to be approved.
        """
        waits = (
            advice.c.id == advice_id,
            advice.c.state == AdviceState.WAITING,
            advice.c.ended_ms.is_(None),
            advice.c.expires_ms > now_ms,
        )
        approval = {
            "state": AdviceState.APPROVED,
            "approved_by": by,
            "approved_ms": now_ms,
            "approved_why": why,
            "command_id": command_id,
        }
        with self._write() as connection:
            changed = connection.execute(update(advice).where(*waits).values(**approval)).rowcount
            row = connection.execute(select(advice).where(advice.c.id == advice_id)).first()
        if row is None:
            raise NotFoundError(f"there is no advice {advice_id[:64]!r}")
        if not changed:
            state = "lapsed" if row.state == AdviceState.WAITING else row.state
            raise ConflictError(f"advice {advice_id[:64]} for {row.point} does not wait for approval: it is {state}")
        return _from_row(row)


def _row(value: Advice) -> dict[str, Any]:
    return {name: cell for name, cell in msgspec.structs.asdict(value).items() if name != "sequence"}


def _from_row(row: Row[Any]) -> Advice:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy
    return Advice(**values | {"mode": TrustMode(row.mode), "state": AdviceState(row.state)})
