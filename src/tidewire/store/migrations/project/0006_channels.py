"""Custom channels: their rules, and messages that were sent with an idempotency key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0006"
down_revision = "project_0005"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "channel_rules",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("read", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("publish", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("history", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("presence", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rate", sa.Integer(), server_default="0", nullable=False),
        sa.Column("publisher_rate", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_channel_rules")),
        sa.UniqueConstraint("id", name=op.f("uq_channel_rules_id")),
    )
    op.create_table(
        "sent_messages",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=128), nullable=False),
        sa.Column("publisher", sa.String(length=44), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("offset", _SEQUENCE, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_sent_messages")),
        sa.UniqueConstraint(
            "channel", "publisher", "key", name=op.f("uq_sent_messages_channel_publisher_key")
        ),
    )
    op.create_index(op.f("ix_sent_messages_expires_at"), "sent_messages", ["expires_at"], unique=False)
