"""Sign-ins at other providers that are under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0107"
down_revision = "project_0106"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "oauth2_attempts",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_oauth2_attempts")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_oauth2_attempts_state_hash")),
    )
    op.create_index(op.f("ix_oauth2_attempts_expires_at"), "oauth2_attempts", ["expires_at"], unique=False)
