"""Where rules send clients that do not answer themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "instance_0102"
down_revision = "instance_0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("rules", sa.Column("redirect_url", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "rules", sa.Column("redirect_status_code", sa.Integer(), server_default="301", nullable=False)
    )
