"""Pictures of people: their initials, or a photo; and QR codes."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Annotated, Final, Literal

from tidewire.core.checks.colors import Color
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.checks.texts import Choice, Text
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.models import Account
from tidewire.pictures.contract import Code, Initials, Output, Rendering, Tile
from tidewire.services.avatars import operations
from tidewire.services.avatars.elsewhere import fetch_from, fetching
from tidewire.services.avatars.marks import Side
from tidewire.services.context import Context
from tidewire.services.pictures import drawn_picture

_COLORS: Final = ("fd366e", "fe9567", "7c67fe", "68a3fe", "85dbd8")
_DEFAULT_SIDE: Final = 500
_KEPT_SECONDS: Final = 45 * 24 * 3600
_LETTERS: Final = 2
_PHOTO_SIDE: Final = 256
_PHOTOS: Final = (
    ("https://www.gravatar.com/avatar/{sha256}?d=404&s={side}&r={rating}"),
    ("https://seccdn.libravatar.org/avatar/{md5}?d=404&s={side}"),
)


class OptionalText(Text):
    """Text that may be empty, which is as if it were not sent."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


@operations.declare("getInitials", "GET", "/avatars/initials", scopes=("avatars.read",))
async def get_initials(
    context: Context,
    name: Annotated[str, OptionalText(1, 128)] = "",
    width: Side = _DEFAULT_SIDE,
    height: Side = _DEFAULT_SIDE,
    background: Color = "",
) -> Download:
    """Get the initials of a name, or without one of the signed-in user, on a colour that goes with them."""
    letters = initials_of(name or _own_name(context))
    job = Initials(
        text=letters,
        width=width or _DEFAULT_SIDE,
        height=height or _DEFAULT_SIDE,
        background=background or color_of(letters),
    )
    # What has no name in it shows whoever is signed in when it is asked for.
    return await drawn_picture(context, "initials", job, kept_seconds=_KEPT_SECONDS if name else 0)


@operations.declare("getQR", "GET", "/avatars/qr", scopes=("avatars.read",))
async def get_qr(
    context: Context,
    text: Annotated[str, Text(1, 512)],
    size: Annotated[int, Whole(1, 1000)] = 400,
    margin: Annotated[int, Whole(0, 10)] = 1,
    download: Boolean = False,
) -> Download:
    """Get a text as a QR code."""
    job = Code(text=text, size=size, margin=margin)
    return await drawn_picture(context, "qr", job, inline=not download, kept_seconds=_KEPT_SECONDS)


@operations.declare("getPhoto", "GET", "/avatars/photo", scopes=("avatars.read",))
async def get_photo(
    context: Context,
    width: Side = _PHOTO_SIDE,
    height: Side = _PHOTO_SIDE,
    quality: Annotated[int, Whole(0, 100)] = 100,
    output: Annotated[Literal["png", "jpg", "webp"], Choice(("png", "jpg", "webp"))] = "png",
    rating: Annotated[str, Choice(("g", "pg", "r", "x"))] = "g",
) -> Download:
    """Get a photo of the signed-in user, if one is found; else their initials; else a silhouette."""
    account = _account(context)
    if account is not None and account.email and context.settings.avatars_photo_services:
        job = Rendering(width=width, height=height, quality=quality, output=output)
        async with fetching(context):
            photo = await _photo(context, account.email, rating)
            try:
                if photo:
                    return await drawn_picture(context, "photo", job, photo)
            except TidewireError as error:
                if error.type == "general_server_busy":
                    raise
    letters = initials_of(_own_name(context))
    side = max(width, height) or _PHOTO_SIDE
    tile = Tile(
        shape="square" if letters else "person",
        text=letters,
        color=color_of(letters),
        width=width or (0 if height else side),
        height=height,
        quality=quality,
        output=_output(output),
    )
    return await drawn_picture(context, "photo", tile)


def initials_of(name: str) -> str:
    """The first letters of the first two words that begin with one, or with a digit; accents are dropped.

    Words are parted by blanks, or by ``_`` in a name without blanks. If the first two words have none, those
    that come later count.
    """
    words = name.upper().split(" " if " " in name else "_")
    letters = ""
    for number, word in enumerate(words):
        first = unicodedata.normalize("NFKD", word)[:1]
        if first.isascii() and first.isalnum():
            letters += first
            if number == 1 or len(letters) == _LETTERS:
                break
    return letters


def color_of(letters: str) -> str:
    """The colour that goes with initials, always the same."""
    return _COLORS[sum(map(ord, letters)) % 10 % len(_COLORS)]


def _account(context: Context) -> Account | None:
    identity = context.caller.identity
    return None if identity is None else identity.account


def _own_name(context: Context) -> str:
    account = _account(context)
    return "" if account is None else account.name or account.email


async def _photo(context: Context, email: str, rating: str) -> bytes:
    """The photo that one of the services has of an address; empty if none has."""
    address = email.strip().lower().encode()
    hashes = {
        "sha256": hashlib.sha256(address).hexdigest(),
        "md5": hashlib.md5(address, usedforsecurity=False).hexdigest(),
    }
    for template in _PHOTOS:
        try:
            found = await fetch_from(context, template.format(**hashes, side=512, rating=rating))
        except TidewireError:
            continue
        if found.status == 200:
            return found.body
    return b""


def _output(output: str) -> Output:
    return "jpg" if output == "jpg" else "webp" if output == "webp" else "png"
