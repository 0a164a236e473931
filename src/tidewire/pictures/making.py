"""Jobs, done. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from PIL import Image

from tidewire.pictures.contract import (
    Code,
    HarmlessSvg,
    Initials,
    Limits,
    PageIcon,
    Rendering,
    Task,
    Tile,
    TooLargeError,
    UndecodableError,
)
from tidewire.pictures.decoding import opened
from tidewire.pictures.drawing import code, initials, tile
from tidewire.pictures.encoding import ANIMATED, encoded, require_writable
from tidewire.pictures.icons import harmless_svg, icon_address
from tidewire.pictures.stand_ins import GROUND, stand_in
from tidewire.pictures.steps import covering_size, rendered, target_size


def made(job: Task, content: bytes, limits: Limits) -> bytes:
    """What a job asks for. Raises PictureError."""
    if not isinstance(job, PageIcon | HarmlessSvg):
        require_writable(job.output)
    try:
        match job:
            case PageIcon():
                return icon_address(job.url, content).encode("utf-8", "replace")
            case HarmlessSvg():
                return harmless_svg(content)
            case Rendering():
                return _rendered(job, content, limits)
            case Initials():
                return encoded(iter([initials(job)]), job.output, -1)
            case Tile():
                return encoded(iter([tile(job)]), job.output, job.quality)
            case Code():
                return encoded(iter([code(job)]), job.output, -1)
    except MemoryError:
        raise TooLargeError("it needs more memory than it may") from None


def _rendered(job: Rendering, content: bytes, limits: Limits) -> bytes:
    if job.source != "content":
        image = stand_in(job.source)
        job = msgspec.structs.replace(job, background=job.background or GROUND)
        frame = rendered(image, job, target_size(image.size, job))
        return encoded(iter([frame]), job.output, job.quality, background=job.background)
    picture = opened(content, limits, animated=job.output in ANIMATED)
    target = target_size(picture.size, job)
    if picture.frames > 1 and picture.frames * target[0] * target[1] > limits.pixels:
        picture.frames = 1
    picture.scale_before(covering_size(picture.size, target))

    def frames() -> Iterator[Image.Image]:
        try:
            for frame in picture.read():
                yield rendered(frame, job, target)
        except (MemoryError, TooLargeError):
            raise
        except Exception as error:
            raise UndecodableError(f"the picture is damaged ({type(error).__name__})") from None

    return encoded(
        frames(),
        job.output,
        job.quality,
        profile=picture.profile,
        background=job.background,
        durations=picture.durations,
        plays=picture.plays,
    )
