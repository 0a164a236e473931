"""What pages have read is kept apart from what their browsers have acknowledged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0012"
down_revision = "project_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Of what is kept already it is not known which are pages."""
    for name in ("page", "away"):
        op.add_column(
            "realtime_positions",
            sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()),
        )
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("realtime_processes", sa.Column("pages", sequence, nullable=False, server_default="0"))
