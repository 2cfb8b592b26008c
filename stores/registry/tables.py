"""The registry's tables; `stores.migrations` brings a database to exactly this."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class Words(TypeDecorator[str]):
    """Text that may come from outside; PostgreSQL takes no NUL in it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Replace what a database may refuse."""
        return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


# Names for every constraint, so that a migration can name what it changes on any database.
metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself only in a column of type INTEGER, which holds 64 bits there.
SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")

# A `definition` is the value itself as JSON; the columns beside it are those that are searched.
# Every `…_ms` is UTC milliseconds since 1970.

site: Final = Table(
    "site",
    metadata,
    Column("id", Words(64), primary_key=True),
    Column("definition", Text, nullable=False),
)

building: Final = Table(
    "building",
    metadata,
    Column("id", Words(200), primary_key=True),
    Column("definition", Text, nullable=False),
)

point: Final = Table(
    "point",
    metadata,
    Column("id", Words(200), primary_key=True),
    Column("building", Words(200), nullable=False, index=True),
    Column("owner", Words(200)),  # "site/gateway"; none once released
    Column("definition", Text, nullable=False),
    Column("declared_ms", BigInteger, nullable=False),
)

points_revision: Final = Table(
    "points_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row, 1, made by the first migration
    Column("value", BigInteger, nullable=False),
)

gateway: Final = Table(
    "gateway",
    metadata,
    Column("id", Words(200), primary_key=True),  # "site/gateway"
    Column("state", Text, nullable=False),
    Column("seen_ms", BigInteger),
)

command: Final = Table(
    "command",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(200), nullable=False, unique=True),
    Column("point", Words(200), nullable=False),
    Column("building", Words(200), nullable=False),
    Column("slot", Integer, nullable=False),
    Column("value", Double),
    Column("requested_by", Words(), nullable=False),
    Column("why", Words(), nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("origin_model", Words(), nullable=False),
    Column("expected_effect", Words(), nullable=False),
    Column("state", Words(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("sent_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("reason", Words(), nullable=False),
    Column("read_back", Double),
    Index("ix_command_point_sequence", "point", "sequence"),
    Index("ix_command_building_sequence", "building", "sequence"),
    # Few are open at any time, and the dispatcher asks for them again and again.
    Index("ix_command_open", "sequence", sqlite_where=text("is_open = 1"), postgresql_where=text("is_open")),
    sqlite_autoincrement=True,
)

command_event: Final = Table(
    "command_event",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("command_id", Words(200), ForeignKey("command.id"), nullable=False, index=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("state", Words(16), nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("detail", Words(), nullable=False),
    sqlite_autoincrement=True,
)

dead_letter: Final = Table(
    "dead_letter",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("topic", Words(), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("code", Words(64), nullable=False),
    Column("reason", Words(), nullable=False),
    sqlite_autoincrement=True,
)

model: Final = Table(
    "model",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("meter", Words(200), nullable=False),
    Column("kind", Words(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("fitted_ms", BigInteger, nullable=False),
    Column("figures", Text, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    UniqueConstraint("meter", "kind", "version"),
)

promise: Final = Table(
    "promise",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("building", Words(200), nullable=False),
    Column("carrier", Words(32), nullable=False),
    Column("kind", Words(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("valid_from", Words(10), nullable=False),  # local ISO date
    Column("definition", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    UniqueConstraint("building", "carrier", "kind", "version"),
)

rate: Final = Table(
    "rate",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("site", Words(64), nullable=False),  # empty: everywhere
    Column("carrier", Words(32), nullable=False),
    Column("kind", Words(16), nullable=False),
    Column("year", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("value", Double, nullable=False),
    Column("source", Words(), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    UniqueConstraint("site", "carrier", "kind", "year", "version"),
)

api_key: Final = Table(
    "api_key",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("name", Words(64), nullable=False),
    Column("role", Words(16), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    # A revoked key stays for the audit trail; its name may be given again.
    Index(
        "uq_api_key_name_active",
        "name",
        unique=True,
        sqlite_where=text("revoked_ms IS NULL"),
        postgresql_where=text("revoked_ms IS NULL"),
    ),
)

anomaly: Final = Table(
    "anomaly",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(64), nullable=False, unique=True),
    Column("building", Words(200), nullable=False),
    Column("subject", Words(200), nullable=False, index=True),
    Column("kind", Words(32), nullable=False),
    Column("rule", Words(64), nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger),
    Column("closing", Words(64), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("acknowledged_by", Words(64)),
    Column("acknowledged_ms", BigInteger),
    Index("ix_anomaly_building_sequence", "building", "sequence"),
    sqlite_autoincrement=True,
)

anomaly_acknowledgement: Final = Table(
    "anomaly_acknowledgement",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("anomaly_id", Words(64), ForeignKey("anomaly.id"), nullable=False, index=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("by", Words(64), nullable=False),
    Column("why", Words(), nullable=False),
    sqlite_autoincrement=True,
)

anomaly_watch: Final = Table(
    "anomaly_watch",
    metadata,
    Column("id", Words(200), primary_key=True),
    Column("model", Words(64), nullable=False),
    Column("settled_ms", BigInteger, nullable=False),
    Column("blob", LargeBinary, nullable=False),
)

adjustment: Final = Table(
    "adjustment",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(64), nullable=False, unique=True),
    Column("meter", Words(200), nullable=False, index=True),
    Column("building", Words(200), nullable=False, index=True),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger),
    Column("basis", Words(16), nullable=False),
    Column("amount", Double, nullable=False),
    Column("uncertainty_percent", Double, nullable=False),
    Column("why", Words(), nullable=False),
    Column("evidence", Words(), nullable=False),
    Column("entered_by", Words(), nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("superseded_ms", BigInteger),
    Column("superseded_by", Words(), nullable=False),
    Column("superseded_why", Words(), nullable=False),
    Column("replaces", Words(64), unique=True),
    sqlite_autoincrement=True,
)

contract: Final = Table(
    "contract",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("id", Words(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("definition", Text, nullable=False),
    Column("entered_by", Words(), nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("why", Words(), nullable=False),
    UniqueConstraint("id", "version"),
    sqlite_autoincrement=True,
)

# Only ever appended to; each line holds the hash of the one before, so that tampering shows.
ledger_line: Final = Table(
    "ledger_line",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("contract", Words(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Words(64), nullable=False),
    Column("hash", Words(64), nullable=False),
    UniqueConstraint("contract", "position"),
    sqlite_autoincrement=True,
)

model_role: Final = Table(
    "model_role",
    metadata,
    Column("sequence", SERIAL, primary_key=True),
    Column("meter", Words(200), nullable=False),
    Column("kind", Words(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("role", Words(16), nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("given_by", Words(), nullable=False),
    Column("reason", Words(), nullable=False),
    Index("ix_model_role_meter_kind", "meter", "kind"),
    sqlite_autoincrement=True,
)
