"""Databases: what users' own tables look like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0005"
down_revision = "project_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "databases",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_databases")),
        sa.UniqueConstraint("id", name=op.f("uq_databases_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dropped_tables",
        sa.Column("table_sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("table_sequence", name=op.f("pk_dropped_tables")),
    )
    op.create_table(
        "user_tables",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("database_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=36), nullable=False),
        sa.Column("permissions", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("row_security", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["database_sequence"],
            ["databases.sequence"],
            name=op.f("fk_user_tables_database_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_user_tables")),
        sa.UniqueConstraint("database_sequence", "id", name=op.f("uq_user_tables_database_sequence_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "user_columns",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("table_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("required", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("array", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("options", sa.JSON(), server_default="{}", nullable=False),
        sa.Column(
            "progress",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["table_sequence"],
            ["user_tables.sequence"],
            name=op.f("fk_user_columns_table_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_user_columns")),
        sa.UniqueConstraint("table_sequence", "key", name=op.f("uq_user_columns_table_sequence_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_user_columns_status", "user_columns", ["status"], unique=False)
    op.create_table(
        "user_indexes",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("table_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("columns", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("lengths", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("orders", sa.JSON(), server_default="[]", nullable=False),
        sa.Column(
            "progress",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["table_sequence"],
            ["user_tables.sequence"],
            name=op.f("fk_user_indexes_table_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_user_indexes")),
        sa.UniqueConstraint("table_sequence", "key", name=op.f("uq_user_indexes_table_sequence_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_user_indexes_status", "user_indexes", ["status"], unique=False)
