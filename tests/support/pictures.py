"""Pictures made for tests, and pictures that came back."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


def corners(width: int = 80, height: int = 60, mode: str = "RGB") -> Image.Image:
    """Four fields: red, green; blue, white."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image.convert(mode)


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture."""
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def shown(content: bytes) -> Image.Image:
    """A picture that came back, decoded."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@cache
def profile() -> bytes:
    """A colour profile for RGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A small PNG whose head announces a very large picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    row = zlib.compress(bytes(3 * width + 1) * 10)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def near(color: object, wanted: tuple[int, ...], by: int = 24) -> bool:
    """Whether a pixel has about this colour."""
    assert isinstance(color, tuple)
    return all(abs(have - want) <= by for have, want in zip(color, wanted, strict=False))
