"""Of how many subscriptions the position is kept is known without counting them."""

from __future__ import annotations

from alembic import op

revision = "project_0011"
down_revision = "project_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count them once, and every change from now on."""
    op.execute(
        "INSERT INTO state (name, value) SELECT 'realtime_positions.count', count(*) FROM realtime_positions"
    )
    op.execute(
        "CREATE TRIGGER realtime_positions_inserted AFTER INSERT ON realtime_positions BEGIN "
        "INSERT INTO state (name, value) VALUES ('realtime_positions.count', 1) "
        "ON CONFLICT (name) DO UPDATE SET value = value + 1; END"
    )
    op.execute(
        "CREATE TRIGGER realtime_positions_deleted AFTER DELETE ON realtime_positions BEGIN "
        "UPDATE state SET value = value - 1 WHERE name = 'realtime_positions.count'; END"
    )
