"""Settings and counters of projects, types of keys, dev keys; ids that are unique within a project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "platform_0002"
down_revision = "platform_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create and extend the tables."""
    op.create_table(
        "dev_keys",
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
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("accessed_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sdks", sa.JSON(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_dev_keys_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_dev_keys")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_dev_keys_project_id_id")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_dev_keys_secret_hash")),
    )
    op.create_index(op.f("ix_dev_keys_project_id"), "dev_keys", ["project_id"], unique=False)
    op.add_column("projects", sa.Column("region", sa.Text(), server_default="default", nullable=False))
    op.add_column("projects", sa.Column("status", sa.Text(), server_default="active", nullable=False))
    op.add_column("projects", sa.Column("settings", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("projects", sa.Column("labels", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("projects", sa.Column("ping_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("projects", sa.Column("pinged_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "projects", sa.Column("console_accessed_at", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("projects", sa.Column("search", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_projects_team_id"), "projects", ["team_id"], unique=False)
    _complete_projects()
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("type", sa.String(length=16), server_default="standard", nullable=False))
        keys.add_column(sa.Column("team_id", sa.Text(), server_default="", nullable=False))
        keys.add_column(sa.Column("user_id", sa.Text(), server_default="", nullable=False))
        keys.add_column(sa.Column("sdks", sa.JSON(), server_default="[]", nullable=False))
        keys.alter_column("project_id", existing_type=sa.String(length=36), nullable=True)
        keys.drop_constraint(op.f("uq_keys_id"), type_="unique")
        keys.create_unique_constraint(
            op.f("uq_keys_project_id_team_id_user_id_id"), ["project_id", "team_id", "user_id", "id"]
        )
    op.create_index(op.f("ix_keys_team_id"), "keys", ["team_id"], unique=False)
    op.create_index(op.f("ix_keys_user_id"), "keys", ["user_id"], unique=False)
    with op.batch_alter_table("platforms") as platforms:
        platforms.drop_constraint(op.f("uq_platforms_id"), type_="unique")
        platforms.create_unique_constraint(op.f("uq_platforms_project_id_id"), ["project_id", "id"])


def _complete_projects() -> None:
    """Fill the new columns of projects that there are already."""
    projects = sa.table("projects", *(sa.column(name) for name in ("sequence", "id", "name", "search")))
    connection = op.get_bind()
    filled = (
        sa.update(projects)
        .where(projects.c.sequence == sa.bindparam("of"))
        .values(search=sa.bindparam("text"))
    )
    for row in connection.execute(sa.select(projects)).all():
        connection.execute(filled, {"of": row.sequence, "text": f"{row.id} {row.name}".lower()})
