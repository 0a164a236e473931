"""Transactions on rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0009"
down_revision = "project_0008"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "transactions",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("operations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_transactions")),
        sa.UniqueConstraint("id", name=op.f("uq_transactions_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_transactions_owner_id"), "transactions", ["owner_id"], unique=False)
    op.create_index(op.f("ix_transactions_expires_at"), "transactions", ["expires_at"], unique=False)
    op.create_table(
        "transaction_operations",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("transaction_sequence", _SEQUENCE, nullable=False),
        sa.Column("stager_kind", sa.String(length=8), nullable=False),
        sa.Column("stager_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_sequence"],
            ["transactions.sequence"],
            name=op.f("fk_transaction_operations_transaction_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_transaction_operations")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_transaction_operations_transaction_sequence"),
        "transaction_operations",
        ["transaction_sequence"],
        unique=False,
    )
    op.create_table(
        "transaction_rows",
        sa.Column("transaction_sequence", sa.Integer(), nullable=False),
        sa.Column("database_id", sa.String(length=36), nullable=False),
        sa.Column("table_id", sa.String(length=36), nullable=False),
        sa.Column("row_id", sa.String(length=36), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("written", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_sequence"],
            ["transactions.sequence"],
            name=op.f("fk_transaction_rows_transaction_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "transaction_sequence", "database_id", "table_id", "row_id", name=op.f("pk_transaction_rows")
        ),
        sqlite_with_rowid=False,
    )
