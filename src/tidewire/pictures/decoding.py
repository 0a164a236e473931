"""From stored bytes to frames: upright, in RGB or RGBA, none larger than it may be. Runs in a worker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, JpegImagePlugin

from tidewire.pictures.contract import HEIC, Limits, TooLargeError, UndecodableError

if HEIC:
    from pillow_heif import register_heif_opener

    register_heif_opener()

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", *(("HEIF",) if HEIC else ()))

_TURNED: Final = frozenset({5, 6, 7, 8})
"""Values of the EXIF orientation with which width and height change places."""
_SCALED_BEFORE: Final = 2
"""JPEG is decoded at this many times the size that is wanted, at least, and then scaled."""
_LARGEST_PROFILE: Final = 2**20
"""Bytes of a colour profile that survives: in a small preview a larger one would be almost all of it."""

Image.MAX_IMAGE_PIXELS = None  # ours is asked first
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass
class Decoded:
    """An opened picture. Frames are read one after the other."""

    image: Image.Image
    orientation: int
    frames: int
    """1 for a picture that stands still, or is to."""
    durations: list[int] = field(default_factory=list)
    """Milliseconds of the frames that were read."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        width, height = self.image.size
        return (height, width) if self.orientation in _TURNED else (width, height)

    @property
    def profile(self) -> bytes:
        """The colour profile of what :meth:`read` gives; empty: none."""
        profile: bytes = self.image.info.get("icc_profile") or b""
        return profile if profile[16:20] == b"RGB " and len(profile) <= _LARGEST_PROFILE else b""

    @property
    def plays(self) -> int:
        """How often an animation is played; 0: for ever."""
        loop = self.image.info.get("loop")
        if self.image.format == "GIF":
            return 1 if loop is None else loop + 1 if loop else 0
        return int(loop or 0)

    def scale_before(self, wanted: tuple[int, int]) -> None:
        """Let a JPEG be decoded smaller than it is, if not smaller than ``wanted`` (upright)."""
        if isinstance(self.image, JpegImagePlugin.JpegImageFile) and self.image.mode in {"L", "RGB"}:
            width, height = wanted[::-1] if self.orientation in _TURNED else wanted
            self.image.draft(None, (width * _SCALED_BEFORE, height * _SCALED_BEFORE))

    def read(self) -> Iterator[Image.Image]:
        """The frames, upright, in RGB or RGBA."""
        for number in range(self.frames):
            self.image.seek(number)
            self.image.load()
            self.durations.append(int(self.image.info.get("duration") or 0))
            yield plain(_upright(self.image, self.orientation))


def opened(content: bytes, limits: Limits, *, animated: bool) -> Decoded:
    """Open a picture and look at its head. Raises UndecodableError and TooLargeError."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = image.size
        frames = int(getattr(image, "n_frames", 1)) if animated else 1
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception as error:
        raise UndecodableError(f"it cannot be read as a picture ({type(error).__name__})") from None
    if width * height > limits.pixels:
        raise TooLargeError(f"it has {width} x {height} pixels, and may have {limits.pixels}")
    if frames > limits.frames or frames * width * height > limits.pixels:
        frames = 1
    # Decoders of HEIF turn the picture themselves.
    upright = image.format in {"HEIF", "AVIF"} or orientation not in range(1, 9)
    return Decoded(image, 1 if upright else int(orientation), frames)


def plain(image: Image.Image) -> Image.Image:
    """The picture in RGB, or RGBA if any of it is transparent."""
    if image.mode in {"RGB", "RGBA"} and "transparency" not in image.info:
        return image
    if image.mode == "CMYK":
        return in_srgb(image)
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def in_srgb(image: Image.Image) -> Image.Image:
    """The picture in the colours of sRGB, by its profile if it has one."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    profile = image.info.get("icc_profile")
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
            if made is not None:
                made.info.pop("icc_profile", None)
                return made
    return image.convert(mode)


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    if orientation == 1:
        return image
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, whose upper 8 are taken: a plain conversion would make almost all of it white."""
    if image.mode == "F":
        return image.convert("L")
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
