"""Pictures that are drawn: initials, tiles with a name, a person, QR codes. Runs in a worker."""

from __future__ import annotations

from typing import Final

import segno
from PIL import Image, ImageDraw, ImageFont

from tidewire.pictures.contract import Code, Initials, Rendering, Tile
from tidewire.pictures.steps import cut, rgb, target_size

_TILE: Final = 256
"""Width and height that tiles are drawn with."""
_ROUND: Final = 48
_WIDEST: Final = 0.8
"""The part of a tile's width that its text takes at most."""


def initials(job: Initials) -> Image.Image:
    """A coloured ground out of which the letters are punched."""
    size = (job.width, job.height)
    image = Image.new("RGBA", size, (*rgb(job.background), 255))
    if job.text:
        letters = Image.new("L", size, 255)
        font = _font(min(size) / 2)
        ImageDraw.Draw(letters).text((size[0] / 2, size[1] / 2), job.text, fill=0, font=font, anchor="mm")
        image.putalpha(letters)
    return image


def tile(job: Tile) -> Image.Image:
    """A rounded square, a card, or a person, in the colour of the job, with its text."""
    image = Image.new("RGBA", (_TILE * 2, _TILE * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    edge = 2 * _TILE
    if job.shape == "person":
        draw.rectangle((0, 0, edge, edge), fill=f"#{job.color}")
        draw.ellipse((edge * 0.33, edge * 0.2, edge * 0.67, edge * 0.54), fill="#ffffff")
        draw.ellipse((edge * 0.16, edge * 0.62, edge * 0.84, edge * 1.3), fill="#ffffff")
    elif job.shape == "card":
        draw.rounded_rectangle((0, edge * 0.18, edge - 1, edge * 0.82), radius=_ROUND, fill=f"#{job.color}")
        draw.rectangle((0, edge * 0.28, edge - 1, edge * 0.36), fill="#00000040")
    else:
        draw.rounded_rectangle((0, 0, edge - 1, edge - 1), radius=2 * _ROUND, fill=f"#{job.color}")
    if job.text:
        center = (edge / 2, edge * (0.58 if job.shape == "card" else 0.5))
        draw.text(center, job.text, fill="#ffffff", font=_fitting(job.text, edge), anchor="mm")
    image = image.resize((_TILE, _TILE), Image.Resampling.LANCZOS)
    target = target_size(image.size, Rendering(width=job.width, height=job.height))
    return cut(image, target, "center")


def code(job: Code) -> Image.Image:
    """A QR code of ``size`` pixels, with a margin of so many modules."""
    modules = segno.make(job.text, micro=False)
    rows = [bytes(255 * (not dark) for dark in row) for row in modules.matrix]
    image = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    whole = Image.new("L", (image.width + 2 * job.margin, image.height + 2 * job.margin), 255)
    whole.paste(image, (job.margin, job.margin))
    return whole.resize((job.size, job.size), Image.Resampling.NEAREST)


def _fitting(text: str, edge: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    size = edge * 0.4
    wide = _font(size).getbbox(text)[2]
    return _font(min(size, size * edge * _WIDEST / max(1.0, wide)))


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(1.0, size))
