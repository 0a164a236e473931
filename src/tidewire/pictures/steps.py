"""What is done to a frame: cut, made transparent, framed, rounded, rotated. Runs in a worker."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageOps

from tidewire.pictures.contract import Gravity, Rendering

_ACROSS: Final = {"left": 0.0, "right": 1.0}
_DOWN: Final = {"top": 0.0, "bottom": 1.0}
_FINE: Final = 4
"""Round corners are drawn so many times larger, that their edges become smooth."""
_LARGE_CORNER: Final = 500
"""Radius from which on they are not."""


def target_size(size: tuple[int, int], rendering: Rendering) -> tuple[int, int]:
    """Width and height that a picture of ``size`` is brought to; of two that are 0 nothing changes."""
    width, height = rendering.width, rendering.height
    if not width and not height:
        return size
    if not width:
        width = max(1, size[0] * height // size[1])
    elif not height:
        height = max(1, size[1] * width // size[0])
    return width, height


def covering_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The size to which a picture is scaled so that it covers ``target``."""
    scale = max(target[0] / size[0], target[1] / size[1])
    return max(target[0], round(size[0] * scale)), max(target[1], round(size[1] * scale))


def rendered(image: Image.Image, rendering: Rendering, target: tuple[int, int]) -> Image.Image:
    """The frame after all that is asked for."""
    image = cut(image, target, rendering.gravity)
    if rendering.opacity != 1.0:
        image = image.convert("RGBA")
        image.putalpha(round(255 * rendering.opacity))
    if rendering.background:
        image = flattened(image, rendering.background)
    image = _framed(image, rendering)
    degrees = rendering.rotation % 360
    return _rotated(image, degrees) if degrees else image


def cut(image: Image.Image, target: tuple[int, int], gravity: Gravity) -> Image.Image:
    """The picture scaled to cover ``target``, and the part of it that ``gravity`` says."""
    if image.size == target:
        return image
    # In the source, so that nothing is scaled that is cut off afterwards.
    scale = max(target[0] / image.width, target[1] / image.height)
    width, height = min(image.width, target[0] / scale), min(image.height, target[1] / scale)
    words = gravity.split("-")
    left = (image.width - width) * next((_ACROSS[word] for word in words if word in _ACROSS), 0.5)
    top = (image.height - height) * next((_DOWN[word] for word in words if word in _DOWN), 0.5)
    return image.resize(target, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def flattened(image: Image.Image, color: str) -> Image.Image:
    """The picture without transparency, on a ground of ``color``."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, rgb(color))
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def rgb(color: str) -> tuple[int, int, int]:
    """A colour of 3 or 6 hexadecimal digits."""
    red, green, blue, *_ = ImageColor.getrgb(f"#{color or '000'}")
    return red, green, blue


def _framed(image: Image.Image, rendering: Rendering) -> Image.Image:
    """Return the picture with border and round corners; the border lies around it, and is round on both
    sides."""
    width, radius = rendering.border_width, rendering.border_radius
    if width:
        color = rgb(rendering.border_color)
        inner = max(0, radius - width) if radius else 0
        if inner:
            around = Image.new("RGB", image.size, color)
            around.paste(image, mask=_within(image, _round_mask(image.size, inner)))
            opaque = image.mode != "RGBA"
            image = around if opaque else _on(around, image, inner)
        fill = (*color, 255) if image.mode == "RGBA" else color
        image = ImageOps.expand(image, border=width, fill=fill)
    if radius:
        mask = _round_mask(image.size, radius)
        image = image.convert("RGBA")
        image.putalpha(_within(image, mask))
    return image


def _on(around: Image.Image, image: Image.Image, radius: int) -> Image.Image:
    """A transparent picture within what is around its round corners."""
    made = around.convert("RGBA")
    made.paste(image, mask=_round_mask(image.size, radius))
    return made


def _within(image: Image.Image, mask: Image.Image) -> Image.Image:
    """``mask`` where the picture is opaque; less where it is not."""
    if image.mode != "RGBA":
        return mask
    within = Image.new("L", image.size, 0)
    within.paste(image.getchannel("A"), mask=mask)
    return within


def _round_mask(size: tuple[int, int], radius: int) -> Image.Image:
    radius = max(1, min(radius, min(size) // 2))
    fine = _FINE if radius < _LARGE_CORNER else 1
    corner = Image.new("L", (radius * fine, radius * fine), 0)
    ImageDraw.Draw(corner).ellipse((0, 0, 2 * radius * fine - 1, 2 * radius * fine - 1), fill=255)
    corner = corner.resize((radius, radius), Image.Resampling.BOX)
    mask = Image.new("L", size, 255)
    right, bottom = size[0] - radius, size[1] - radius
    mirrored = ImageOps.mirror(corner)
    mask.paste(corner, (0, 0))
    mask.paste(mirrored, (right, 0))
    mask.paste(ImageOps.flip(corner), (0, bottom))
    mask.paste(ImageOps.flip(mirrored), (right, bottom))
    return mask


def _rotated(image: Image.Image, degrees: int) -> Image.Image:
    """Clockwise; where the picture does not reach, it is transparent."""
    quarters = {
        90: Image.Transpose.ROTATE_270,
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_90,
    }
    if degrees in quarters:
        return image.transpose(quarters[degrees])
    return image.convert("RGBA").rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
