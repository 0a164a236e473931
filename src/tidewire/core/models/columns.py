"""Models of columns. Databases of the older kind call them attributes; nothing else differs."""

from __future__ import annotations

from tidewire.core.models.base import Model, Page, system


class Column(Model, frozen=True, kw_only=True):
    """What all kinds of columns have in common; ``type``, and ``format`` if there is one, tell them apart."""

    key: str
    type: str
    status: str
    """``available``, ``processing``, ``deleting``, ``stuck`` or ``failed``."""
    error: str
    required: bool
    array: bool
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")


class _FormatColumn(Column, frozen=True, kw_only=True):
    format: str
    default: str | None


class _TextColumn(Column, frozen=True, kw_only=True):
    default: str | None
    encrypt: bool


class ColumnString(_TextColumn, frozen=True, kw_only=True):
    """Text of a size of one's own choice; superseded by the other kinds of text."""

    size: int
    """Characters."""


class ColumnVarchar(_TextColumn, frozen=True, kw_only=True):
    """Short text."""

    size: int
    """Characters."""


class ColumnText(_TextColumn, frozen=True, kw_only=True):
    """Text."""


class ColumnMediumtext(_TextColumn, frozen=True, kw_only=True):
    """Long text."""


class ColumnLongtext(_TextColumn, frozen=True, kw_only=True):
    """Text as long as there is."""


class ColumnEmail(_FormatColumn, frozen=True, kw_only=True):
    """An e-mail address."""


class ColumnEnum(_FormatColumn, frozen=True, kw_only=True):
    """A text out of a list."""

    elements: list[str]


class ColumnIp(_FormatColumn, frozen=True, kw_only=True):
    """An IP address."""


class ColumnUrl(_FormatColumn, frozen=True, kw_only=True):
    """A URL."""


class ColumnDatetime(_FormatColumn, frozen=True, kw_only=True):
    """A date and time."""


class ColumnInteger(Column, frozen=True, kw_only=True):
    """An integer."""

    min: int | None
    max: int | None
    default: int | None


class ColumnBigint(ColumnInteger, frozen=True, kw_only=True):
    """An integer of 64 bits."""


class ColumnFloat(Column, frozen=True, kw_only=True):
    """A number."""

    min: float | None
    max: float | None
    default: float | None


class ColumnBoolean(Column, frozen=True, kw_only=True):
    """True or false."""

    default: bool | None


class _RelationshipColumn(Column, frozen=True, kw_only=True):
    relation_type: str
    """``oneToOne``, ``oneToMany``, ``manyToOne`` or ``manyToMany``, read from the parent to the child."""
    two_way: bool
    two_way_key: str
    """What the other side is called, there a column only if the relationship is two-way."""
    on_delete: str
    """``restrict``, ``cascade`` or ``setNull``."""
    side: str
    """``parent`` or ``child``."""


class ColumnRelationship(_RelationshipColumn, frozen=True, kw_only=True):
    """Rows of another table."""

    related_table: str


class ColumnPoint(Column, frozen=True, kw_only=True):
    """A point on the Earth."""

    default: list[float] | None


class ColumnLine(Column, frozen=True, kw_only=True):
    """A line on the Earth."""

    default: list[list[float]] | None


class ColumnPolygon(Column, frozen=True, kw_only=True):
    """An area on the Earth."""

    default: list[list[list[float]]] | None


AnyColumn = (
    ColumnBoolean
    | ColumnBigint
    | ColumnInteger
    | ColumnFloat
    | ColumnEmail
    | ColumnEnum
    | ColumnUrl
    | ColumnIp
    | ColumnDatetime
    | ColumnRelationship
    | ColumnPoint
    | ColumnLine
    | ColumnPolygon
    | ColumnVarchar
    | ColumnText
    | ColumnMediumtext
    | ColumnLongtext
    | ColumnString
)


class ColumnList(Page, frozen=True, kw_only=True):
    """The columns of a table."""

    columns: list[Column]


class AttributeString(ColumnString, frozen=True, kw_only=True):
    """Text of a size of one's own choice; superseded by the other kinds of text."""


class AttributeVarchar(ColumnVarchar, frozen=True, kw_only=True):
    """Short text."""


class AttributeText(ColumnText, frozen=True, kw_only=True):
    """Text."""


class AttributeMediumtext(ColumnMediumtext, frozen=True, kw_only=True):
    """Long text."""


class AttributeLongtext(ColumnLongtext, frozen=True, kw_only=True):
    """Text as long as there is."""


class AttributeEmail(ColumnEmail, frozen=True, kw_only=True):
    """An e-mail address."""


class AttributeEnum(ColumnEnum, frozen=True, kw_only=True):
    """A text out of a list."""


class AttributeIp(ColumnIp, frozen=True, kw_only=True):
    """An IP address."""


class AttributeUrl(ColumnUrl, frozen=True, kw_only=True):
    """A URL."""


class AttributeDatetime(ColumnDatetime, frozen=True, kw_only=True):
    """A date and time."""


class AttributeInteger(ColumnInteger, frozen=True, kw_only=True):
    """An integer."""


class AttributeBigint(ColumnBigint, frozen=True, kw_only=True):
    """An integer of 64 bits."""


class AttributeFloat(ColumnFloat, frozen=True, kw_only=True):
    """A number."""


class AttributeBoolean(ColumnBoolean, frozen=True, kw_only=True):
    """True or false."""


class AttributeRelationship(_RelationshipColumn, frozen=True, kw_only=True):
    """Documents of another collection."""

    related_collection: str


class AttributePoint(ColumnPoint, frozen=True, kw_only=True):
    """A point on the Earth."""


class AttributeLine(ColumnLine, frozen=True, kw_only=True):
    """A line on the Earth."""


class AttributePolygon(ColumnPolygon, frozen=True, kw_only=True):
    """An area on the Earth."""


class AttributeObject(Column, frozen=True, kw_only=True):
    """A JSON object."""


class AttributeVector(Column, frozen=True, kw_only=True):
    """A vector."""

    size: int
    """How many numbers a vector has."""


AnyAttribute = (
    AttributeBoolean
    | AttributeBigint
    | AttributeInteger
    | AttributeFloat
    | AttributeEmail
    | AttributeEnum
    | AttributeUrl
    | AttributeIp
    | AttributeDatetime
    | AttributeRelationship
    | AttributePoint
    | AttributeLine
    | AttributePolygon
    | AttributeVarchar
    | AttributeText
    | AttributeMediumtext
    | AttributeLongtext
    | AttributeString
)


class AttributeList(Page, frozen=True, kw_only=True):
    """The attributes of a collection."""

    attributes: list[Column]
