"""Policies, tariffs, and imported market prices.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in ("policy", "tariff"):
        op.create_table(
            name,
            sa.Column("sequence", SERIAL, nullable=False),
            sa.Column("id", sa.String(64), nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
            sa.Column("scope", sa.String(200), nullable=False),
            sa.Column("definition", sa.Text(), nullable=False),
            sa.Column("entered_by", sa.String(), nullable=False),
            sa.Column("entered_ms", sa.BigInteger(), nullable=False),
            sa.Column("why", sa.String(), nullable=False),
            sa.PrimaryKeyConstraint("sequence", name=f"pk_{name}"),
            sa.UniqueConstraint("id", "version", name=f"uq_{name}_id_version"),
            sqlite_autoincrement=True,
        )
        op.create_index(f"ix_{name}_scope", name, ["scope"])
    op.create_table(
        "market",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("carrier", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_market"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_market_scope_end_ms", "market", ["scope", "end_ms"])


def downgrade() -> None:
    for table in ("market", "tariff", "policy"):
        op.drop_table(table)
