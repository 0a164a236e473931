"""How far realtime subscriptions have got."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0008"
down_revision = "project_0007"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "realtime_positions",
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("process", sa.String(length=36), nullable=False),
        sa.Column("connection", _SEQUENCE, server_default="0", nullable=False),
        sa.Column("wants", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("position", _SEQUENCE, nullable=False),
        sa.Column("exact", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("lost_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("subject", "id", name=op.f("pk_realtime_positions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_realtime_positions_process"), "realtime_positions", ["process"], unique=False)
    op.create_index(op.f("ix_realtime_positions_lost_at"), "realtime_positions", ["lost_at"], unique=False)
    op.create_table(
        "realtime_processes",
        sa.Column("process", sa.String(length=36), nullable=False),
        sa.Column("position", _SEQUENCE, nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_realtime_processes")),
        sqlite_with_rowid=False,
    )
