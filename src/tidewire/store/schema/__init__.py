"""Tables of the databases, in portable SQLAlchemy.

Conventions: ``sequence`` is the integer primary key and the ``$sequence`` of the API; ``id`` is the
public id; columns called ``*_at`` hold times, integer milliseconds since the epoch, UTC, 0 for "never"; sizes
are bytes. Secrets are stored as hashes; those that are needed again are sealed
(:mod:`tidewire.store.secrets.encryption`).
Resources with permissions keep the list as it was given in ``permissions`` and the same grants as rows
of :data:`permissions`, which is what queries join (:mod:`tidewire.store.records.grants`).

A change here needs a migration in ``migrations``, its revision in :data:`PROJECT_REVISION` or
:data:`PLATFORM_REVISION`, and the new tables beside the old ones in ``tests/store/revisions``.
"""

from __future__ import annotations

from typing import Final

from tidewire.store.schema.channels import channel_rules, sent_messages
from tidewire.store.schema.columns import instance_metadata, project_metadata
from tidewire.store.schema.databases import (
    databases,
    dropped_tables,
    relationships,
    user_columns,
    user_indexes,
    user_tables,
)
from tidewire.store.schema.files import (
    buckets,
    file_parts,
    file_tokens,
    files,
    object_deletions,
    permissions,
    upload_parts,
    uploads,
)
from tidewire.store.schema.functions import (
    deployment_parts,
    deployments,
    execution_jobs,
    executions,
    functions,
    variables,
)
from tidewire.store.schema.instance import dev_keys, keys, pending_events, platforms, projects, rules
from tidewire.store.schema.log import (
    email_templates,
    event_log,
    event_secrets,
    outgoing_messages,
    state,
    webhooks,
)
from tidewire.store.schema.messaging import (
    message_deliveries,
    message_recipients,
    messages,
    providers,
    subscribers,
    topics,
)
from tidewire.store.schema.people import (
    audit_log,
    authenticators,
    challenges,
    memberships,
    notifications,
    oauth2_attempts,
    sessions,
    targets,
    teams,
    tokens,
    user_identities,
    users,
)
from tidewire.store.schema.presences import presence_connections, presences
from tidewire.store.schema.realtime import realtime_positions, realtime_processes
from tidewire.store.schema.transactions import transaction_operations, transaction_rows, transactions

PROJECT_REVISION: Final = "project_0107"
INSTANCE_REVISION: Final = "instance_0103"
