"""Templates of mails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0104"
down_revision = "project_0103"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    texts = ("subject", "message", "sender_name", "sender_email", "reply_to_email", "reply_to_name")
    op.create_table(
        "email_templates",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("template_id", sa.String(length=32), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in texts),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_email_templates")),
        sa.UniqueConstraint("template_id", "locale", name=op.f("uq_email_templates_template_id_locale")),
    )
