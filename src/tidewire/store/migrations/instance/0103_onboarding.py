"""Stages of projects that are over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "instance_0103"
down_revision = "instance_0102"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("projects", sa.Column("onboarding", sa.JSON(), server_default="{}", nullable=False))
