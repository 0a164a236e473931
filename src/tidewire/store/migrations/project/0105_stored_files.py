"""How the objects of files hold their content: compressed, encrypted, and in how many bytes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0105"
down_revision = "project_0104"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is stored by now is stored as it is."""
    for table in ("file_parts", "upload_parts"):
        op.add_column(table, sa.Column("stored_size", sa.BigInteger(), server_default="0", nullable=False))
        op.add_column(table, sa.Column("compression", sa.Text(), server_default="none", nullable=False))
        op.add_column(table, sa.Column("sealed_key", sa.Text(), server_default="", nullable=False))
        op.execute(f"UPDATE {table} SET stored_size = size")  # noqa: S608 - one of two names
    op.add_column("files", sa.Column("size_actual", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("UPDATE files SET size_actual = size")
