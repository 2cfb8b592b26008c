"""The registry's tables of control: trust, advice, policies, tariffs, trials, work; beside `stores.registry.tables`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from stores.registry.tables import SERIAL, Words
from stores.registry.tables import metadata as metadata  # noqa: PLC0414 - whole only with the tables here

trust: Final = Table(
    "trust",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("building", Words(200), nullable=False),
    Column("point", Words(200), nullable=False),  # empty: the building
    Column("before", Words(16), nullable=False),
    Column("after", Words(16), nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("set_by", Words(), nullable=False),
    Column("why", Words(), nullable=False),
    Column("covers", Text, nullable=False),  # point ids as JSON
    Index("ix_trust_building_sequence", "building", "sequence"),
    sqlite_autoincrement=True,
)

control_stop: Final = Table(
    "control_stop",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("building", Words(200), nullable=False),
    Column("is_stopped", Boolean, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("set_by", Words(), nullable=False),
    Column("why", Words(), nullable=False),
    Index("ix_control_stop_building_sequence", "building", "sequence"),
    sqlite_autoincrement=True,
)

advice: Final = Table(
    "advice",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(64), nullable=False, unique=True),
    Column("building", Words(200), nullable=False),
    Column("point", Words(200), nullable=False),
    Column("slot", Integer, nullable=False),
    Column("value", Double),
    Column("strategy", Words(), nullable=False),
    Column("why", Words(), nullable=False),
    Column("effect", Words(), nullable=False),
    Column("model", Words(), nullable=False),
    Column("mode", Words(16), nullable=False),
    Column("state", Words(16), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("lasts_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("approved_by", Words(), nullable=False),
    Column("approved_ms", BigInteger),
    Column("approved_why", Words(), nullable=False),
    Column("command_id", Words(200), nullable=False),
    Index("ix_advice_building_sequence", "building", "sequence"),
    # One a point is the newest.
    Index(
        "uq_advice_point_open",
        "point",
        unique=True,
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
    # A building's newest are asked for at every decision, however long its history.
    Index(
        "ix_advice_building_open",
        "building",
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
    sqlite_autoincrement=True,
)


def _versions(name: str) -> Table:
    """Table of records of which every version is kept, with who entered it, when and why."""
    return Table(
        name,
        metadata,
        Column("sequence", SERIAL, primary_key=True),
        Column("id", Words(64), nullable=False),
        Column("version", Integer, nullable=False),
        Column("scope", Words(200), nullable=False, index=True),  # site or site/building; a tariff's may be empty
        Column("definition", Text, nullable=False),
        Column("entered_by", Words(), nullable=False),
        Column("entered_ms", BigInteger, nullable=False),
        Column("why", Words(), nullable=False),
        UniqueConstraint("id", "version"),
        sqlite_autoincrement=True,
    )


policy: Final = _versions("policy")
tariff: Final = _versions("tariff")

# One row for each import of a file of prices; where two speak of an hour, the later import counts.
market: Final = Table(
    "market",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("scope", Words(200), nullable=False),
    Column("carrier", Words(32), nullable=False),
    Column("kind", Words(16), nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("definition", Text, nullable=False),
    Column("entered_by", Words(), nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Index("ix_market_scope_end_ms", "scope", "end_ms"),
    sqlite_autoincrement=True,
)

trial: Final = Table(
    "trial",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(64), nullable=False, unique=True),
    Column("building", Words(200), nullable=False, index=True),
    Column("plan", Text, nullable=False),
    Column("entered_by", Words(), nullable=False),
    Column("why", Words(), nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("state", Words(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("started_by", Words(), nullable=False),
    Column("started_ms", BigInteger),
    Column("ended_by", Words(), nullable=False),
    Column("ended_why", Words(), nullable=False),
    Column("ended_ms", BigInteger),
    # Two trials at once would each be the other's disturbance.
    Index(
        "uq_trial_building_open",
        "building",
        unique=True,
        sqlite_where=text("is_open = 1"),
        postgresql_where=text("is_open"),
    ),
    sqlite_autoincrement=True,
)

work_item: Final = Table(
    "work_item",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(64), nullable=False, unique=True),
    Column("building", Words(200), nullable=False),
    Column("cause", Words(32), nullable=False),
    Column("state", Words(16), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("evaluated_ms", BigInteger, nullable=False),
    Column("evaluations", Integer, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("ongoing", Boolean, nullable=False),
    Column("acknowledged_by", Words()),
    Column("acknowledged_ms", BigInteger),
    Column("closed_by", Words(), nullable=False),
    Column("closed_why", Words(), nullable=False),
    Column("closed_ms", BigInteger),
    Index("ix_work_item_building_sequence", "building", "sequence"),
    # One cause of a building is one piece of work for as long as it goes on.
    Index(
        "uq_work_item_building_cause_ongoing",
        "building",
        "cause",
        unique=True,
        sqlite_where=text("ongoing = 1"),
        postgresql_where=text("ongoing"),
    ),
    sqlite_autoincrement=True,
)

work_item_note: Final = Table(
    "work_item_note",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("work_item_id", Words(64), ForeignKey("work_item.id"), nullable=False, index=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("by", Words(), nullable=False),
    Column("what", Words(16), nullable=False),
    Column("why", Words(), nullable=False),
    sqlite_autoincrement=True,
)
