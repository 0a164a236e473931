"""Rules: the domains that lead to functions, or to the API of a project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "instance_0101"
down_revision = "instance_0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rules",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.Text(), server_default="manual", nullable=False),
        sa.Column("deployment_id", sa.Text(), server_default="", nullable=False),
        sa.Column("deployment_resource_type", sa.Text(), server_default="", nullable=False),
        sa.Column("deployment_resource_id", sa.Text(), server_default="", nullable=False),
        sa.Column("deployment_vcs_provider_branch", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.String(length=16), server_default="unverified", nullable=False),
        sa.Column("logs", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_rules_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_rules")),
        sa.UniqueConstraint("id", name=op.f("uq_rules_id")),
        sa.UniqueConstraint("domain", name=op.f("uq_rules_domain")),
    )
    op.create_index(op.f("ix_rules_project_id"), "rules", ["project_id"], unique=False)
