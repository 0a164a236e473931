"""Tables of functions: their deployments, their variables, and what was run of them."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from tidewire.store.schema.columns import (
    ID_LENGTH,
    Bytes,
    Sequence,
    flag,
    json,
    number,
    project_metadata,
    resource,
    text,
    time,
)

functions = Table(
    "functions",
    project_metadata,
    *resource(),
    text("name"),
    json("execute", list),  # roles that may run it
    flag("enabled", True),
    flag("live", True),  # false: settings were changed since the active deployment
    flag("logging", True),
    text("runtime"),
    number("deployment_retention"),  # days; 0: for ever
    Column("deployment_id", String(ID_LENGTH), nullable=False, default="", server_default=""),
    time("deployment_created_at"),
    Column("latest_deployment_id", String(ID_LENGTH), nullable=False, default="", server_default=""),
    time("latest_deployment_created_at"),
    text("latest_deployment_status"),
    json("scopes", list),
    json("events", list),
    text("schedule"),
    time("schedule_next_at"),  # 0: it has no schedule, or nothing to run
    time("schedule_previous_at"),
    number("timeout", 15),  # seconds
    text("entrypoint"),
    text("commands"),
    text("version", "v5"),
    text("build_specification"),
    text("runtime_specification"),
    text("installation_id"),  # of a Git host; there are none
    text("provider_branch"),
    text("provider_root_directory"),
    flag("provider_silent_mode", False),
    json("provider_branches", list),
    json("provider_paths", list),
    Column("position", Sequence, nullable=False, default=0, server_default="0"),
    # offset in the event log: events after it run the function
    Index(None, "schedule_next_at"),
)

deployments = Table(
    "deployments",
    project_metadata,
    *resource(),
    Column(
        "function_sequence", ForeignKey("functions.sequence", ondelete="CASCADE"), nullable=False, index=True
    ),
    text("type"),  # cli, manual or vcs
    text("status", "waiting"),
    text("entrypoint"),
    text("commands"),
    flag("activate", False),
    Column("source_size", Bytes, nullable=False, default=0, server_default="0"),
    number("chunks_total", 1),
    number("chunks_uploaded", 0),  # less than the total: it is still being uploaded
    Column("output_key", String(128), nullable=False, default="", server_default="", index=True),
    Column("build_size", Bytes, nullable=False, default=0, server_default="0"),
    Column("total_size", Bytes, nullable=False, default=0, server_default="0"),
    text("build_logs"),
    time("build_started_at"),
    number("build_duration"),  # seconds
    number("build_attempts"),
    Index(None, "status"),
)

deployment_parts = Table(
    "deployment_parts",
    project_metadata,
    Column("deployment_sequence", ForeignKey("deployments.sequence", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the chunk, from 1
    Column("key", String(128), nullable=False, unique=True),
    Column("size", Bytes, nullable=False),
    Column("md5", String(32), nullable=False),
    sqlite_with_rowid=False,
)
"""A deployment's source is its parts one after the other; they are never copied together."""

variables = Table(
    "variables",
    project_metadata,
    *resource(),
    Column("resource_type", String(16), nullable=False),  # project or function
    Column("resource_id", String(ID_LENGTH), nullable=False, default="", server_default=""),
    text("key"),
    text("value"),  # sealed
    flag("secret", True),
    UniqueConstraint("resource_type", "resource_id", "key"),
)

executions = Table(
    "executions",
    project_metadata,
    *resource(),
    Column("function_sequence", ForeignKey("functions.sequence", ondelete="CASCADE"), nullable=False),
    Column("deployment_id", String(ID_LENGTH), nullable=False, default="", server_default=""),
    Column("user_id", String(ID_LENGTH), nullable=False, default="", server_default=""),  # who may read it
    text("trigger"),
    text("status"),
    text("request_method"),
    text("request_path"),
    json("request_headers", list),
    number("response_status_code"),
    json("response_headers", list),
    text("logs"),
    text("errors"),
    Column("duration", Float, nullable=False, default=0, server_default="0"),  # seconds
    time("scheduled_at"),
    Index(None, "function_sequence", "user_id"),
    Index(None, "created_at"),
)

execution_jobs = Table(
    "execution_jobs",
    project_metadata,
    Column(
        "execution_sequence",
        ForeignKey("executions.sequence", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    time("due_at"),
    flag("begun", False),  # some process runs it, or was killed while it did
    number("attempts"),
    text("request"),  # sealed: headers, body and caller
    Index(None, "begun", "due_at"),
)
"""Executions that are to run: the queue. A row is deleted in the transaction that stores the result."""
