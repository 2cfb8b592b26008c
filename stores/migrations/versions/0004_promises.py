"""What was promised of buildings, and what energy costs and emits.

Revision ID: 0004
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "promise",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("carrier", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.String(10), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_promise"),
        sa.UniqueConstraint("building", "carrier", "kind", "version", name="uq_promise_building_carrier_kind_version"),
    )
    op.create_table(
        "rate",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("carrier", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_rate"),
        sa.UniqueConstraint("site", "carrier", "kind", "year", "version", name="uq_rate_site_carrier_kind_year_version"),
    )


def downgrade() -> None:
    op.drop_table("rate")
    op.drop_table("promise")
