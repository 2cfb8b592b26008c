"""The registry as it begins.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site"),
    )
    op.create_table(
        "building",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_building"),
    )
    op.create_table(
        "point",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(200)),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("declared_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_point"),
    )
    op.create_index("ix_point_building", "point", ["building"])
    revisions = op.create_table(
        "points_revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_points_revision"),
    )
    op.bulk_insert(revisions, [{"id": 1, "value": 0}])
    op.create_table(
        "gateway",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_gateway"),
    )
    op.create_table(
        "command",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("point", sa.String(200), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("origin_model", sa.String(), nullable=False),
        sa.Column("expected_effect", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger()),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("read_back", sa.Double()),
        sa.PrimaryKeyConstraint("sequence", name="pk_command"),
        sa.UniqueConstraint("id", name="uq_command_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_command_point_sequence", "command", ["point", "sequence"])
    op.create_index("ix_command_building_sequence", "command", ["building", "sequence"])
    op.create_index(
        "ix_command_open",
        "command",
        ["sequence"],
        sqlite_where=sa.text("is_open = 1"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "command_event",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("command_id", sa.String(200), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_command_event"),
        sa.ForeignKeyConstraint(["command_id"], ["command.id"], name="fk_command_event_command_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_command_event_command_id", "command_event", ["command_id"])
    op.create_table(
        "dead_letter",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_dead_letter"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("meter", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("fitted_ms", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_model"),
        sa.UniqueConstraint("meter", "kind", "version", name="uq_model_meter_kind_version"),
    )
    op.create_table(
        "api_key",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("sequence", name="pk_api_key"),
        sa.UniqueConstraint("hash", name="uq_api_key_hash"),
    )
    op.create_index(
        "uq_api_key_name_active",
        "api_key",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_ms IS NULL"),
        postgresql_where=sa.text("revoked_ms IS NULL"),
    )


def downgrade() -> None:
    for table in (
        "api_key", "model", "dead_letter", "command_event", "command", "gateway", "points_revision", "point",
        "building", "site",
    ):
        op.drop_table(table)
