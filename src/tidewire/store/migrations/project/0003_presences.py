"""Presences, and the connections that keep them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0003"
down_revision = "project_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "presences",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("user_internal_id", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_presences_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_presences")),
        sa.UniqueConstraint("id", name=op.f("uq_presences_id")),
        sa.UniqueConstraint("user_id", name=op.f("uq_presences_user_id")),
    )
    op.create_index(op.f("ix_presences_expires_at"), "presences", ["expires_at"], unique=False)
    op.create_table(
        "presence_connections",
        sa.Column("presence_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("process", sa.String(length=36), nullable=False),
        sa.Column(
            "connection",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["presence_sequence"],
            ["presences.sequence"],
            name=op.f("fk_presence_connections_presence_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "presence_sequence", "process", "connection", name=op.f("pk_presence_connections")
        ),
        sqlite_with_rowid=False,
    )
