"""Messaging: providers, topics and their subscribers, messages and their delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0103"
down_revision = "project_0102"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "providers",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("credentials", sa.Text(), server_default="", nullable=False),
        sa.Column("options", sa.JSON(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_providers")),
        sa.UniqueConstraint("id", name=op.f("uq_providers_id")),
    )
    op.create_table(
        "topics",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("subscribe", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("email_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sms_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("push_total", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_topics")),
        sa.UniqueConstraint("id", name=op.f("uq_topics_id")),
    )
    op.create_table(
        "subscribers",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("topic_id", sa.String(length=36), nullable=False),
        sa.Column("target_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("provider_type", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["target_id"], ["targets.id"], name=op.f("fk_subscribers_target_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_subscribers_topic_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("id", name=op.f("uq_subscribers_id")),
        sa.UniqueConstraint("topic_id", "target_id", name=op.f("uq_subscribers_topic_id_target_id")),
    )
    op.create_index(op.f("ix_subscribers_target_id"), "subscribers", ["target_id"], unique=False)
    op.create_table(
        "messages",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("provider_type", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("topics", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("users", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("targets", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("data", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("scheduled_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("delivered_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivery_errors", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_messages")),
        sa.UniqueConstraint("id", name=op.f("uq_messages_id")),
    )
    op.create_table(
        "message_deliveries",
        sa.Column(
            "message_sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("due_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("begun", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("served_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed_total", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["message_sequence"],
            ["messages.sequence"],
            name=op.f("fk_message_deliveries_message_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_sequence", name=op.f("pk_message_deliveries")),
    )
    op.create_index(
        op.f("ix_message_deliveries_begun_due_at"), "message_deliveries", ["begun", "due_at"], unique=False
    )
    op.create_table(
        "message_recipients",
        sa.Column(
            "message_sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "target_sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("due_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sending", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_sequence"],
            ["message_deliveries.message_sequence"],
            name=op.f("fk_message_recipients_message_sequence"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["target_sequence"],
            ["targets.sequence"],
            name=op.f("fk_message_recipients_target_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_sequence", "target_sequence", name=op.f("pk_message_recipients")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_message_recipients_message_sequence_sending_due_at"),
        "message_recipients",
        ["message_sequence", "sending", "due_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_message_recipients_sending_due_at"),
        "message_recipients",
        ["sending", "due_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_message_recipients_target_sequence"), "message_recipients", ["target_sequence"], unique=False
    )
