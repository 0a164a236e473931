"""Notifications of people of the console."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0106"
down_revision = "project_0105"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "notifications",
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
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="console", nullable=False),
        sa.Column("resource_type", sa.Text(), server_default="users", nullable=False),
        sa.Column("parent_resource_type", sa.Text(), server_default="projects", nullable=False),
        sa.Column("parent_resource_id", sa.Text(), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("read", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_notifications")),
        sa.UniqueConstraint("id", name=op.f("uq_notifications_id")),
    )
    for column in ("created_at", "project_id", "user_id"):
        op.create_index(op.f(f"ix_notifications_{column}"), "notifications", [column], unique=False)
