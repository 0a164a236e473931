"""Events know who caused them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0004"
down_revision = "project_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Extend the event log."""
    op.add_column("event_log", sa.Column("actor_id", sa.String(36), server_default="", nullable=False))
