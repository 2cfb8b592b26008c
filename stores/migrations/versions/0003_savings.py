"""Adjustments, contracts, the guarantee ledger, and the roles of models.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "adjustment",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("meter", sa.String(200), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger()),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.Column("uncertainty_percent", sa.Double(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("superseded_ms", sa.BigInteger()),
        sa.Column("superseded_by", sa.String(), nullable=False),
        sa.Column("superseded_why", sa.String(), nullable=False),
        sa.Column("replaces", sa.String(64)),
        sa.PrimaryKeyConstraint("sequence", name="pk_adjustment"),
        sa.UniqueConstraint("id", name="uq_adjustment_id"),
        sa.UniqueConstraint("replaces", name="uq_adjustment_replaces"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_adjustment_meter", "adjustment", ["meter"])
    op.create_index("ix_adjustment_building", "adjustment", ["building"])
    op.create_table(
        "contract",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_contract"),
        sa.UniqueConstraint("id", "version", name="uq_contract_id_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ledger_line",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("contract", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_ledger_line"),
        sa.UniqueConstraint("contract", "position", name="uq_ledger_line_contract_position"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model_role",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("meter", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_model_role"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_model_role_meter_kind", "model_role", ["meter", "kind"])


def downgrade() -> None:
    for table in ("model_role", "ledger_line", "contract", "adjustment"):
        op.drop_table(table)
