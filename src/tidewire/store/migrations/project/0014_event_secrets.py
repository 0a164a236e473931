"""One-time secrets that webhooks get with an event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0014"
down_revision = "project_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "event_secrets",
        sa.Column("sequence", sequence, autoincrement=True, nullable=False),
        sa.Column("offset", sequence, nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_event_secrets")),
        sa.UniqueConstraint("offset", name=op.f("uq_event_secrets_offset")),
    )
