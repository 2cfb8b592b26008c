"""On/off trials of control, and work items for what control cannot put right.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "trial",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.Column("ended_why", sa.String(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_trial"),
        sa.UniqueConstraint("id", name="uq_trial_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trial_building", "trial", ["building"])
    op.create_index(
        "uq_trial_building_open",
        "trial",
        ["building"],
        unique=True,
        sqlite_where=sa.text("is_open = 1"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "work_item",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("cause", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("evaluated_ms", sa.BigInteger(), nullable=False),
        sa.Column("evaluations", sa.Integer(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("ongoing", sa.Boolean(), nullable=False),
        sa.Column("acknowledged_by", sa.String()),
        sa.Column("acknowledged_ms", sa.BigInteger()),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.Column("closed_why", sa.String(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("sequence", name="pk_work_item"),
        sa.UniqueConstraint("id", name="uq_work_item_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_work_item_building_sequence", "work_item", ["building", "sequence"])
    op.create_index(
        "uq_work_item_building_cause_ongoing",
        "work_item",
        ["building", "cause"],
        unique=True,
        sqlite_where=sa.text("ongoing = 1"),
        postgresql_where=sa.text("ongoing"),
    )
    op.create_table(
        "work_item_note",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("work_item_id", sa.String(64), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name="fk_work_item_note_work_item_id_work_item"),
        sa.PrimaryKeyConstraint("sequence", name="pk_work_item_note"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_work_item_note_work_item_id", "work_item_note", ["work_item_id"])


def downgrade() -> None:
    op.drop_table("work_item_note")
    op.drop_table("work_item")
    op.drop_table("trial")
