"""The tables of version 0.1.0, where the chain of migrations begins.

A database gets them from the schema when it is made; there is nothing older to migrate from.
"""

from __future__ import annotations

revision = "instance_0100"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do nothing: whatever has a revision has these tables."""
