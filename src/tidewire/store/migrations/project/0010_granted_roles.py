"""What a role may do is found by the role."""

from __future__ import annotations

from alembic import op

revision = "project_0010"
down_revision = "project_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index(
        op.f("ix_permissions_role_resource_type_action_resource"),
        "permissions",
        ["role", "resource_type", "action", "resource"],
        unique=False,
    )
