"""What indexes can have in them besides columns."""

from __future__ import annotations

from typing import Final

INDEXED_FIELDS: Final = {
    "$id": "id",
    "$createdAt": "created_at",
    "$updatedAt": "updated_at",
    "$sequence": "sequence",
}
"""What indexes can have in them besides columns, and what it is called in SQL."""
