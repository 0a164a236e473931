"""What the tables have in common: metadata, conventions, columns."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, String, Text, false, true

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

project_metadata = MetaData(naming_convention=NAMES)
"""Tables of every project's database."""

instance_metadata = MetaData(naming_convention=NAMES)
"""Tables that the instance's database has besides those of a project."""

Milliseconds = BigInteger
Bytes = BigInteger
Sequence = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only if the key column's type is exactly INTEGER."""

ID_LENGTH: Final = 36
HASH_LENGTH: Final = 64
"""The characters of a hexadecimal SHA-256."""


def sequence() -> Column[int]:
    """The row's number: its primary key."""
    return Column("sequence", Sequence, primary_key=True, autoincrement=True)


def text(name: str, default: str = "") -> Column[str]:
    """Text of any length."""
    return Column(name, Text, nullable=False, default=default, server_default=default)


def flag(name: str, default: bool) -> Column[bool]:
    """A truth value."""
    return Column(
        name, Boolean, nullable=False, default=default, server_default=true() if default else false()
    )


def number(name: str, default: int = 0) -> Column[int]:
    """A count or another small whole number."""
    return Column(name, Integer, nullable=False, default=default, server_default=str(default))


def time(name: str) -> Column[int]:
    """A moment, 0 for "never"."""
    return Column(name, Milliseconds, nullable=False, default=0, server_default="0")


def json(name: str, default: type[list[Any]] | type[dict[str, Any]]) -> Column[Any]:
    """A list or a mapping."""
    return Column(
        name, JSON, nullable=False, default=default, server_default="[]" if default is list else "{}"
    )


def created() -> tuple[Column[int], Column[int]]:
    """Columns that tell when the row was made and last changed."""
    return (
        Column("created_at", Milliseconds, nullable=False),
        Column("updated_at", Milliseconds, nullable=False),
    )


def resource() -> tuple[Column[Any], ...]:
    """What every resource of the API has: its number, its public id, and its times."""
    return (sequence(), Column("id", String(ID_LENGTH), nullable=False, unique=True), *created())


def client() -> tuple[Column[str], ...]:
    """Columns that tell from where and with which program something was done."""
    names = (
        "ip user_agent os_code os_name os_version client_type client_code client_name client_version"
        " client_engine client_engine_version device_name device_brand device_model country_code country_name"
    )
    return tuple(text(name) for name in names.split())
