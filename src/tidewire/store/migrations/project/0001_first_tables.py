"""The first tables of every project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "buckets",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("permissions", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("file_security", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("maximum_file_size", sa.BigInteger(), nullable=False),
        sa.Column("allowed_file_extensions", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("compression", sa.Text(), server_default="none", nullable=False),
        sa.Column("encryption", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("antivirus", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("transformations", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("total_size", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_buckets")),
        sa.UniqueConstraint("id", name=op.f("uq_buckets_id")),
    )
    op.create_table(
        "event_log",
        sa.Column(
            "offset", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("database_type", sa.String(length=16), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("permissions_changed", sa.Boolean(), nullable=False),
        sa.Column("audience", sa.String(length=36), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("cumulative_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("offset", name=op.f("pk_event_log")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "object_deletions",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_object_deletions")),
    )
    op.create_index(op.f("ix_object_deletions_key"), "object_deletions", ["key"], unique=False)
    op.create_table(
        "permissions",
        sa.Column("resource_type", sa.String(length=16), nullable=False),
        sa.Column(
            "resource",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("resource_type", "resource", "action", "role", name=op.f("pk_permissions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "state",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_state")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
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
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("email_verification", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("phone_verification", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("email_canonical", sa.String(length=320), nullable=True),
        sa.Column("email_is_free", sa.Boolean(), nullable=True),
        sa.Column("email_is_disposable", sa.Boolean(), nullable=True),
        sa.Column("email_is_corporate", sa.Boolean(), nullable=True),
        sa.Column("email_is_canonical", sa.Boolean(), nullable=True),
        sa.Column("status", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("mfa", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("labels", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("prefs", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("registered_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accessed_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("impersonator", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("id", name=op.f("uq_users_id")),
        sa.UniqueConstraint("phone", name=op.f("uq_users_phone")),
    )
    op.create_table(
        "files",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("bucket_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("permissions", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("folder", sa.Text(), server_default="", nullable=False),
        sa.Column("signature", sa.String(length=32), nullable=False),
        sa.Column("mime_type", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunks_total", sa.Integer(), server_default="1", nullable=False),
        sa.Column("uploader", sa.Text(), server_default="", nullable=False),
        sa.Column("encryption", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("compression", sa.Text(), server_default="none", nullable=False),
        sa.ForeignKeyConstraint(
            ["bucket_sequence"],
            ["buckets.sequence"],
            name=op.f("fk_files_bucket_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_files")),
        sa.UniqueConstraint("bucket_sequence", "id", name=op.f("uq_files_bucket_sequence_id")),
    )
    op.create_index(op.f("ix_files_bucket_sequence"), "files", ["bucket_sequence"], unique=False)
    op.create_table(
        "sessions",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_uid", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_access_token", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_access_token_expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("provider_refresh_token", sa.Text(), server_default="", nullable=False),
        sa.Column("ip", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.Column("os_code", sa.Text(), server_default="", nullable=False),
        sa.Column("os_name", sa.Text(), server_default="", nullable=False),
        sa.Column("os_version", sa.Text(), server_default="", nullable=False),
        sa.Column("client_type", sa.Text(), server_default="", nullable=False),
        sa.Column("client_code", sa.Text(), server_default="", nullable=False),
        sa.Column("client_name", sa.Text(), server_default="", nullable=False),
        sa.Column("client_version", sa.Text(), server_default="", nullable=False),
        sa.Column("client_engine", sa.Text(), server_default="", nullable=False),
        sa.Column("client_engine_version", sa.Text(), server_default="", nullable=False),
        sa.Column("device_name", sa.Text(), server_default="", nullable=False),
        sa.Column("device_brand", sa.Text(), server_default="", nullable=False),
        sa.Column("device_model", sa.Text(), server_default="", nullable=False),
        sa.Column("country_code", sa.Text(), server_default="", nullable=False),
        sa.Column("country_name", sa.Text(), server_default="", nullable=False),
        sa.Column("factors", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("mfa_updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)
    op.create_index(
        op.f("ix_sessions_user_id_secret_hash"), "sessions", ["user_id", "secret_hash"], unique=False
    )
    op.create_table(
        "uploads",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("bucket_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("uploader", sa.Text(), server_default="", nullable=False),
        sa.Column("permissions", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("folder", sa.Text(), server_default="", nullable=False),
        sa.Column("mime_type", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunks_total", sa.Integer(), nullable=False),
        sa.Column("chunks_uploaded", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["bucket_sequence"],
            ["buckets.sequence"],
            name=op.f("fk_uploads_bucket_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_uploads")),
        sa.UniqueConstraint("bucket_sequence", "id", name=op.f("uq_uploads_bucket_sequence_id")),
    )
    op.create_index(op.f("ix_uploads_updated_at"), "uploads", ["updated_at"], unique=False)
    op.create_table(
        "file_parts",
        sa.Column("file_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_sequence"],
            ["files.sequence"],
            name=op.f("fk_file_parts_file_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("file_sequence", "position", name=op.f("pk_file_parts")),
        sa.UniqueConstraint("key", name=op.f("uq_file_parts_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "upload_parts",
        sa.Column("upload_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_sequence"],
            ["uploads.sequence"],
            name=op.f("fk_upload_parts_upload_sequence"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("upload_sequence", "number", name=op.f("pk_upload_parts")),
        sa.UniqueConstraint("key", name=op.f("uq_upload_parts_key")),
        sqlite_with_rowid=False,
    )
