"""What a worker is asked to make, and what it answers. Both sides of the pipe speak it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import BinaryIO, Final, Literal, Protocol

import msgspec

Output = Literal["jpg", "png", "webp", "heic", "avif", "gif"]
Gravity = Literal[
    "center", "top-left", "top", "top-right", "left", "right", "bottom-left", "bottom", "bottom-right"
]
Source = Literal["content", "video", "image", "file"]
"""The picture that is sent along, or one that stands for a video, a picture that is too large, any file."""

HEIC: Final = find_spec("pillow_heif") is not None
"""Whether HEIC is read and written here; known without loading what does it."""
MIME_TYPES: Final[dict[Output, str]] = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "heic": "image/heic",
    "avif": "image/avif",
    "gif": "image/gif",
}


class Rendering(msgspec.Struct, frozen=True, kw_only=True, tag="rendering"):
    """A picture made from another. Sizes in pixels, colours in hexadecimal without ``#``; empty: none."""

    source: Source = "content"
    width: int = 0
    """0: as the height and the shape of the picture make it."""
    height: int = 0
    gravity: Gravity = "center"
    """The part that is kept where the shape differs."""
    quality: int = -1
    """0 to 100; -1: the usual one of the format."""
    border_width: int = 0
    border_color: str = ""
    border_radius: int = 0
    opacity: float = 1.0
    rotation: int = 0
    """Degrees, clockwise."""
    background: str = ""
    output: Output = "jpg"


class Initials(msgspec.Struct, frozen=True, kw_only=True, tag="initials"):
    """Letters punched out of a coloured ground."""

    text: str
    width: int
    height: int
    background: str
    output: Output = "png"


class Tile(msgspec.Struct, frozen=True, kw_only=True, tag="tile"):
    """A mark of a colour with a text on it."""

    shape: Literal["square", "card", "person"]
    text: str = ""
    color: str
    width: int
    height: int
    quality: int = -1
    output: Output = "png"


class Code(msgspec.Struct, frozen=True, kw_only=True, tag="code"):
    """A QR code."""

    text: str
    size: int
    margin: int
    """Modules of white around it."""
    output: Output = "png"


class PageIcon(msgspec.Struct, frozen=True, kw_only=True, tag="page icon"):
    """The address of the icon that a page names; the page is the content, and the answer is UTF-8."""

    url: str
    """Where the page was found."""


class HarmlessSvg(msgspec.Struct, frozen=True, kw_only=True, tag="svg"):
    """The SVG that is the content, without anything in it that acts."""


Job = Rendering | Initials | Tile | Code
"""Every picture that a worker can make."""
Task = Job | PageIcon | HarmlessSvg
"""Everything that a worker does: strangers' pages and SVG too are read nowhere else."""


class Limits(msgspec.Struct, frozen=True):
    """What a picture may be."""

    pixels: int
    """The most pixels of one picture as it is stored, and of all frames of an animation together."""
    frames: int
    """The most frames of an animation; of longer ones only the first is shown."""


class Order(msgspec.Struct, frozen=True):
    """The head of what goes to a worker; ``size`` bytes of a picture come behind it."""

    job: Task
    limits: Limits
    size: int


Failure = Literal["", "undecodable", "too large", "unsupported"]


class Outcome(msgspec.Struct, frozen=True):
    """The head of what comes back; ``size`` bytes of the picture come behind it."""

    size: int = 0
    failure: Failure = ""
    reason: str = ""


class PictureError(Exception):
    """No picture was made; the text says why."""


class UndecodableError(PictureError):
    """The content is no picture, a damaged one, or one of a kind that is not read here."""


class TooLargeError(PictureError):
    """The picture has more pixels, or needs more memory or time, than it may."""


class UnsupportedOutputError(PictureError):
    """The format that is asked for cannot be written here."""


class PicturesBusyError(PictureError):
    """Too many pictures are waited for."""


class Seal(Protocol):
    """Encrypts pictures where they are kept."""

    def sealed(self, name: str, content: bytes, /) -> bytes:
        """What the file of this name is to hold."""

    def size_of(self, file_bytes: int, /) -> int:
        """Bytes of content in a file of so many."""

    def opened(self, file: BinaryIO, name: str, file_bytes: int, start: int, end: int, /) -> bytes:
        """The content from ``start`` up to ``end``. Raises OSError if the file was changed."""
