"""Previews beside Pillow alone, and kept ones beside the files themselves.

``python -m benchmarks.previews`` prints pictures and requests a second, both in turns with what they are held
against, on the same machine; the ratio is the median of the rounds.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from PIL import Image
from tests.support.server import PROGRAM, TidewireServer

ROUNDS: Final = 3
PICTURES: Final = 30
"""Made in each round, by each."""
REQUESTS: Final = 400
CLIENTS: Final = 3
WIDTH: Final = 400
HEIGHT: Final = 300
_FILES: Final = "/storage/buckets/pictures/files"


def photo() -> bytes:
    """A JPEG of 4000 x 3000 pixels, with as much detail as photos have."""
    detail = Image.effect_noise((1000, 750), 60).convert("RGB").resize((4 * 1000, 4 * 750))
    light = Image.linear_gradient("L").resize(detail.size).convert("RGB")
    content = io.BytesIO()
    Image.blend(detail, light, 0.6).save(content, "JPEG", quality=88)
    return content.getvalue()


def by_pillow(content: bytes) -> bytes:
    """The same picture as the preview, made here."""
    image = Image.open(io.BytesIO(content))
    image.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    made = io.BytesIO()
    image.save(made, "WEBP")
    return made.getvalue()


def rate(count: int, work: Callable[[int], object], clients: int = 1) -> float:
    """How often ``work`` is done in a second."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for _ in pool.map(work, range(count)):
            pass
    return count / (time.perf_counter() - begun)


def _nth(preview: Callable[[str], bytes], names: list[str], number: int) -> bytes:
    return preview(names[number])


def measure(client: httpx.Client, content: bytes) -> None:
    """Print both comparisons."""
    bucket = {"bucketId": "pictures", "name": "Pictures", "permissions": ['read("any")']}
    client.post("/storage/buckets", json=bucket).raise_for_status()

    def put(name: str, data: bytes) -> None:
        client.post(_FILES, data={"fileId": name}, files={"file": ("a.webp", data)}).raise_for_status()

    def preview(name: str) -> bytes:
        wanted = f"{_FILES}/{name}/preview?width={WIDTH}&height={HEIGHT}&output=webp"
        return client.get(wanted).raise_for_status().content

    ratios = []
    for round_ in range(ROUNDS):
        names = [f"r{round_}n{number}" for number in range(PICTURES)]
        for name in names:
            put(name, content)
        alone = rate(PICTURES, lambda _: by_pillow(content))
        served = rate(PICTURES, partial(_nth, preview, names), CLIENTS)
        ratios.append(served / alone)
        print(f"made: Pillow {alone:.1f}/s, previews {served:.1f}/s")
    print(f"made: ratio {statistics.median(ratios):.2f}")
    put("small", preview("r0n0"))
    ratios = []
    for _ in range(ROUNDS):
        plain = rate(REQUESTS, lambda _: client.get(f"{_FILES}/small/view").raise_for_status())
        kept = rate(REQUESTS, lambda _: preview("r0n0"))
        ratios.append(kept / plain)
        print(f"kept: view {plain:.0f}/s, previews {kept:.0f}/s")
    print(f"kept: ratio {statistics.median(ratios):.2f}")


def main() -> None:
    """Measure with a server of its own."""
    with tempfile.TemporaryDirectory() as directory:
        server = TidewireServer(Path(directory) / "data", program=PROGRAM).start()
        try:
            headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
            with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as client:
                measure(client, photo())
        finally:
            server.stop()


if __name__ == "__main__":
    main()
