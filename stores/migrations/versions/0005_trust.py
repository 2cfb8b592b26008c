"""How far control is trusted, the switch that stops it, and what it advises.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "trust",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("point", sa.String(200), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("covers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_trust"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trust_building_sequence", "trust", ["building", "sequence"])
    op.create_table(
        "control_stop",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("is_stopped", sa.Boolean(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_control_stop"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_control_stop_building_sequence", "control_stop", ["building", "sequence"])
    op.create_table(
        "advice",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("point", sa.String(200), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("lasts_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("approved_ms", sa.BigInteger(), nullable=True),
        sa.Column("approved_why", sa.String(), nullable=False),
        sa.Column("command_id", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_advice"),
        sa.UniqueConstraint("id", name="uq_advice_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_advice_building_sequence", "advice", ["building", "sequence"])
    is_open = sa.text("ended_ms IS NULL")
    op.create_index(
        "uq_advice_point_open", "advice", ["point"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_advice_building_open", "advice", ["building"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_table("advice")
    op.drop_table("control_stop")
    op.drop_table("trust")
