"""Anomalies, who has seen them, and where each watch stands.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "anomaly",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("building", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger()),
        sa.Column("closing", sa.String(64), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("acknowledged_by", sa.String(64)),
        sa.Column("acknowledged_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("sequence", name="pk_anomaly"),
        sa.UniqueConstraint("id", name="uq_anomaly_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_anomaly_subject", "anomaly", ["subject"])
    op.create_index("ix_anomaly_building_sequence", "anomaly", ["building", "sequence"])
    op.create_table(
        "anomaly_acknowledgement",
        sa.Column("sequence", SERIAL, nullable=False),
        sa.Column("anomaly_id", sa.String(64), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_anomaly_acknowledgement"),
        sa.ForeignKeyConstraint(
            ["anomaly_id"], ["anomaly.id"], name="fk_anomaly_acknowledgement_anomaly_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_anomaly_acknowledgement_anomaly_id", "anomaly_acknowledgement", ["anomaly_id"])
    op.create_table(
        "anomaly_watch",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_anomaly_watch"),
    )


def downgrade() -> None:
    for table in ("anomaly_watch", "anomaly_acknowledgement", "anomaly"):
        op.drop_table(table)
