"""Run by Alembic: applies the migrations of the given chain on the given connection."""

from __future__ import annotations

from alembic import context

from tidewire.store.engine.migration import Chain

chain: Chain = context.config.attributes["chain"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=chain.metadata,
    version_table=chain.version_table,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
