"""Relationships between users' tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0007"
down_revision = "project_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "relationships",
        sa.Column("sequence", sequence, autoincrement=True, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("parent_table", sequence, nullable=False),
        sa.Column("child_table", sequence, nullable=False),
        sa.Column("parent_key", sa.String(length=36), nullable=False),
        sa.Column("child_key", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("on_delete", sa.String(length=16), nullable=False),
        sa.Column("two_way", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("progress", sequence, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_relationships")),
        sqlite_autoincrement=True,
    )
    for column in ("parent_table", "child_table", "status"):
        op.create_index(op.f(f"ix_relationships_{column}"), "relationships", [column], unique=False)
