"""From frames to bytes in the format that is asked for. Runs in a worker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

from PIL import Image

from tidewire.pictures.contract import HEIC, Output, UnsupportedOutputError
from tidewire.pictures.decoding import in_srgb
from tidewire.pictures.steps import flattened

ANIMATED: Final = frozenset({"gif", "webp", "avif"})
"""Formats in which animations stay animated."""

_NAMES: Final[dict[Output, str]] = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "heic": "HEIF",
    "avif": "AVIF",
    "gif": "GIF",
}
_USUAL: Final[dict[Output, int]] = {"jpg": 85, "webp": 80, "avif": 70, "heic": 75}
"""Quality where none is asked for."""
_AVIF_SPEED: Final = 8
_AVIF_BEST: Final = 99
_USUAL_FRAME: Final = 100
"""Milliseconds of a frame that says nothing, as browsers have it."""


def require_writable(output: Output) -> None:
    """Raise UnsupportedOutputError if pictures cannot be written in this format here."""
    if output == "heic" and not HEIC:
        raise UnsupportedOutputError("HEIC is not written here: install pillow-heif on the server")


def encoded(
    frames: Iterator[Image.Image],
    output: Output,
    quality: int,
    *,
    profile: bytes = b"",
    background: str = "",
    durations: list[int] | None = None,
    plays: int = 0,
) -> bytes:
    """The picture, or the animation if there are several frames.

    ``durations`` are those of the frames, filled while these are read.
    """
    written = (_writable(frame, output, profile, background) for frame in frames)
    first = next(written)
    options = _options(output, quality)
    if profile and output != "gif":
        options["icc_profile"] = profile
    rest = list(written)
    if rest:
        options |= {
            "save_all": True,
            "append_images": rest,
            "duration": [each or _USUAL_FRAME for each in durations or []],
        }
        if output == "gif":
            options |= {"disposal": 2, **({} if plays == 1 else {"loop": max(0, plays - 1)})}
        elif output == "webp":
            options["loop"] = plays
    content = io.BytesIO()
    first.save(content, _NAMES[output], **options)
    return content.getvalue()


def _writable(frame: Image.Image, output: Output, profile: bytes, background: str) -> Image.Image:
    if output == "jpg":
        frame = flattened(frame, background)
    elif output == "gif" and profile:
        frame.info["icc_profile"] = profile
        frame = in_srgb(frame)
    # What the source said of itself does not go along: places, cameras, times.
    frame.info = {}
    return frame


def _options(output: Output, quality: int) -> dict[str, Any]:
    if output == "png":
        # Not 0, which only makes the file many times as large: PNG loses nothing whatever the quality.
        return {} if quality < 0 else {"compress_level": max(1, 9 - round(quality * 9 / 100))}
    if output == "gif":
        return {}
    chosen = quality if quality >= 0 else _USUAL[output]
    if output == "avif":
        return {"quality": min(chosen, _AVIF_BEST), "speed": _AVIF_SPEED, "max_threads": 1}
    return {"quality": chosen, "exif": b""} if output == "webp" else {"quality": chosen}
