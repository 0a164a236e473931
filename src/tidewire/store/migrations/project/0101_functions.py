"""Functions, their deployments, their variables and their executions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0101"
down_revision = "project_0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "functions",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("execute", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("logging", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("runtime", sa.Text(), server_default="", nullable=False),
        sa.Column("deployment_retention", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deployment_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("deployment_created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("latest_deployment_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("latest_deployment_created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("latest_deployment_status", sa.Text(), server_default="", nullable=False),
        sa.Column("scopes", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("events", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("schedule", sa.Text(), server_default="", nullable=False),
        sa.Column("schedule_next_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("schedule_previous_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("timeout", sa.Integer(), server_default="15", nullable=False),
        sa.Column("entrypoint", sa.Text(), server_default="", nullable=False),
        sa.Column("commands", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), server_default="v5", nullable=False),
        sa.Column("build_specification", sa.Text(), server_default="", nullable=False),
        sa.Column("runtime_specification", sa.Text(), server_default="", nullable=False),
        sa.Column("installation_id", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_branch", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_root_directory", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_silent_mode", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("provider_branches", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("provider_paths", sa.JSON(), server_default="[]", nullable=False),
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_functions")),
        sa.UniqueConstraint("id", name=op.f("uq_functions_id")),
    )
    op.create_index(op.f("ix_functions_schedule_next_at"), "functions", ["schedule_next_at"], unique=False)
    op.create_table(
        "deployments",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("function_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("entrypoint", sa.Text(), server_default="", nullable=False),
        sa.Column("commands", sa.Text(), server_default="", nullable=False),
        sa.Column("activate", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("source_size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chunks_total", sa.Integer(), server_default="1", nullable=False),
        sa.Column("chunks_uploaded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("output_key", sa.String(length=128), server_default="", nullable=False),
        sa.Column("build_size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total_size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("build_logs", sa.Text(), server_default="", nullable=False),
        sa.Column("build_started_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("build_duration", sa.Integer(), server_default="0", nullable=False),
        sa.Column("build_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["function_sequence"],
            ["functions.sequence"],
            name=op.f("fk_deployments_function_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_deployments")),
        sa.UniqueConstraint("id", name=op.f("uq_deployments_id")),
    )
    op.create_index(
        op.f("ix_deployments_function_sequence"), "deployments", ["function_sequence"], unique=False
    )
    op.create_index(op.f("ix_deployments_output_key"), "deployments", ["output_key"], unique=False)
    op.create_index(op.f("ix_deployments_status"), "deployments", ["status"], unique=False)
    op.create_table(
        "deployment_parts",
        sa.Column(
            "deployment_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_sequence"],
            ["deployments.sequence"],
            name=op.f("fk_deployment_parts_deployment_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_sequence", "number", name=op.f("pk_deployment_parts")),
        sa.UniqueConstraint("key", name=op.f("uq_deployment_parts_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "variables",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("resource_type", sa.String(length=16), nullable=False),
        sa.Column("resource_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("value", sa.Text(), server_default="", nullable=False),
        sa.Column("secret", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_variables")),
        sa.UniqueConstraint("id", name=op.f("uq_variables_id")),
        sa.UniqueConstraint(
            "resource_type", "resource_id", "key", name=op.f("uq_variables_resource_type_resource_id_key")
        ),
    )
    op.create_table(
        "executions",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("function_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deployment_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("user_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("trigger", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("request_method", sa.Text(), server_default="", nullable=False),
        sa.Column("request_path", sa.Text(), server_default="", nullable=False),
        sa.Column("request_headers", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("response_status_code", sa.Integer(), server_default="0", nullable=False),
        sa.Column("response_headers", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("logs", sa.Text(), server_default="", nullable=False),
        sa.Column("errors", sa.Text(), server_default="", nullable=False),
        sa.Column("duration", sa.Float(), server_default="0", nullable=False),
        sa.Column("scheduled_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["function_sequence"],
            ["functions.sequence"],
            name=op.f("fk_executions_function_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_executions")),
        sa.UniqueConstraint("id", name=op.f("uq_executions_id")),
    )
    op.create_index(op.f("ix_executions_created_at"), "executions", ["created_at"], unique=False)
    op.create_index(
        op.f("ix_executions_function_sequence_user_id"),
        "executions",
        ["function_sequence", "user_id"],
        unique=False,
    )
    op.create_table(
        "execution_jobs",
        sa.Column(
            "execution_sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("due_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("begun", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("request", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_sequence"],
            ["executions.sequence"],
            name=op.f("fk_execution_jobs_execution_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_sequence", name=op.f("pk_execution_jobs")),
    )
    op.create_index(
        op.f("ix_execution_jobs_begun_due_at"), "execution_jobs", ["begun", "due_at"], unique=False
    )
