"""Tokens of files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0102"
down_revision = "project_0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "file_tokens",
        sa.Column("sequence", number, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("file_sequence", number, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accessed_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["file_sequence"],
            ["files.sequence"],
            name=op.f("fk_file_tokens_file_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_file_tokens")),
        sa.UniqueConstraint("id", name=op.f("uq_file_tokens_id")),
    )
    op.create_index(op.f("ix_file_tokens_file_sequence"), "file_tokens", ["file_sequence"], unique=False)
    op.create_index(op.f("ix_file_tokens_expires_at"), "file_tokens", ["expires_at"], unique=False)
