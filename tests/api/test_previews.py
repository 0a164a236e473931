"""Previews over HTTP, of real pictures of every kind that a good guess misses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.api import ApiServer
from tests.support.pictures import BLUE, GREEN, RED, WHITE, bomb, corners, near, profile, saved, shown
from tidewire.core.ids import unique_id
from tidewire.services.storage import previews


class Store:
    """A bucket that everybody may read."""

    def __init__(self, api: ApiServer, program: httpx.Client, client: httpx.Client) -> None:
        self.api, self.program, self.client = api, program, client
        self.bucket = unique_id()
        body = {"bucketId": self.bucket, "name": "B", "permissions": ['read("any")']}
        program.post("/v1/storage/buckets", json=body).raise_for_status()

    def put(self, content: bytes, name: str = "a.png") -> str:
        path = f"/v1/storage/buckets/{self.bucket}/files"
        files = {"file": (name, content, "application/octet-stream")}
        made = self.program.post(path, data={"fileId": unique_id()}, files=files).raise_for_status()
        return str(made.json()["$id"])

    def get(self, file: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        path = f"/v1/storage/buckets/{self.bucket}/files/{file}/preview"
        return self.client.get(path, params=params, headers=headers)

    def image(self, content: bytes, name: str = "a.png", **params: Any) -> Image.Image:
        answer = self.get(self.put(content, name), **params)
        assert answer.status_code == 200, answer.text
        return shown(answer.content)

    def kept(self) -> list[Path]:
        folder = Path(self.api.settings.data_dir) / "pictures"
        return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(api: ApiServer, program: httpx.Client, client: httpx.Client) -> Store:
    return Store(api, program, client)


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, (80, 60)),
        ({"width": 40}, (40, 30)),
        ({"height": "30"}, (40, 30)),
        ({"width": 30, "height": 30}, (30, 30)),
        ({"width": 200, "height": 90}, (200, 90)),
        ({"width": 1}, (1, 1)),
        ({"borderWidth": 5, "borderColor": "00f"}, (90, 70)),
        ({"rotation": 90}, (60, 80)),
        ({"rotation": -90}, (60, 80)),
    ],
)
def test_sizes(store: Store, asked: dict[str, Any], size: tuple[int, int]) -> None:
    assert store.image(saved(corners()), **asked).size == size


@pytest.mark.parametrize(
    ("gravity", "color"),
    [("top-left", RED), ("top-right", GREEN), ("BOTTOM-LEFT", BLUE), ("bottom-right", WHITE)],
)
def test_gravity(store: Store, gravity: str, color: tuple[int, int, int]) -> None:
    wide = store.image(saved(corners()), width=60, height=20, gravity=gravity)
    high = store.image(saved(corners()), width=20, height=60, gravity=gravity)
    down, across = gravity.lower().split("-")
    assert near(wide.convert("RGB").getpixel(({"left": 5, "right": 54}[across], 10)), color)
    assert near(high.convert("RGB").getpixel((10, {"top": 10, "bottom": 50}[down])), color)


def test_rotation_is_clockwise_and_its_corners_transparent(store: Store) -> None:
    turned = store.image(saved(corners()), rotation=90)
    assert near(turned.getpixel((turned.width - 2, 1)), RED)
    slanted = store.image(saved(corners()), rotation=45)
    assert slanted.mode == "RGBA"
    corner = slanted.getpixel((0, 0))
    assert isinstance(corner, tuple)
    assert corner[3] == 0


def test_opacity_background_and_round_corners(store: Store) -> None:
    half = store.image(saved(corners()), opacity=0.5).getpixel((5, 5))
    assert isinstance(half, tuple)
    assert half[3] == 128
    on_blue = store.image(saved(corners()), opacity="0.5", background="0000ff").getpixel((5, 5))
    assert near(on_blue, (128, 0, 128))
    rounded = store.image(saved(corners()), borderRadius=20)
    assert rounded.getchannel("A").getpixel((0, 0)) == 0
    assert rounded.getchannel("A").getpixel((40, 30)) == 255
    framed = store.image(saved(corners()), borderRadius=20, borderWidth=10, borderColor="000000")
    assert framed.size == (100, 80)
    assert near(framed.getpixel((50, 3)), (0, 0, 0))
    assert framed.getchannel("A").getpixel((0, 0)) == 0


@pytest.mark.parametrize(
    ("name", "output", "mime", "form"),
    [
        ("a.png", "", "image/png", "PNG"),
        ("a.JPEG", "", "image/jpeg", "JPEG"),
        ("a.webp", "", "image/webp", "WEBP"),
        ("a", "", "image/png", "PNG"),
        ("a.bmp", "", "image/jpeg", "JPEG"),
        ("a.png", "jpeg", "image/jpeg", "JPEG"),
        ("a.png", "gif", "image/gif", "GIF"),
        ("a.png", "avif", "image/avif", "AVIF"),
        ("a.png", "heic", "image/heic", "HEIF"),
        ("a.png", "webp", "image/webp", "WEBP"),
    ],
)
def test_outputs(store: Store, name: str, output: str, mime: str, form: str) -> None:
    if output == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    answer = store.get(store.put(saved(corners()), name), output=output, quality=80)
    assert (answer.status_code, answer.headers["content-type"]) == (200, mime)
    image = shown(answer.content)
    assert image.format == form
    assert near(image.convert("RGB").getpixel((10, 10)), RED)


def test_a_phone_held_upright(store: Store) -> None:
    """The orientation counts before anything is cut: width and height are those that people see."""
    lying = corners()
    for orientation in (3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = saved(lying, "JPEG", quality=95, exif=exif)
        image = store.image(content, "a.jpg", output="png")
        assert image.size == ((60, 80) if orientation in {6, 8} else (80, 60))
        last = (image.width - 3, image.height - 3)
        where_red_is = {3: last, 6: (last[0], 3), 8: (3, last[1])}[orientation]
        assert near(image.getpixel(where_red_is), RED), orientation
    small = store.image(saved(lying, "JPEG", exif=exif), "a.jpg", width=40, height=30)
    assert not small.getexif()


def test_colours_survive(store: Store) -> None:
    content = saved(corners(), "JPEG", icc_profile=profile(), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    for output in ("jpg", "png", "webp", "avif"):
        image = store.image(content, "a.jpg", width=20, output=output)
        assert image.info.get("icc_profile") == profile(), output
    assert near(store.image(content, "a.jpg", output="gif").convert("RGB").getpixel((10, 10)), RED)


def test_a_huge_profile_does_not_go_into_small_previews(store: Store) -> None:
    content = saved(corners(), "JPEG", icc_profile=profile() + bytes(3_000_000))
    assert len(store.get(store.put(content, "a.jpg"), width=10).content) < 10_000


@pytest.mark.parametrize("output", ["jpg", "png", "webp", "gif", "avif"])
@pytest.mark.parametrize(
    "kind", ["CMYK", "16 bits", "palette with alpha", "grey with alpha", "1 bit", "grey"]
)
def test_unusual_kinds(store: Store, kind: str, output: str) -> None:
    color: tuple[int, ...] = RED
    if kind == "CMYK":
        content, name = saved(corners(mode="CMYK"), "JPEG", quality=95), "a.jpg"
    elif kind == "16 bits":
        content, name = saved(Image.new("I;16", (80, 60), 40_000)), "a.png"
        color = (156, 156, 156)
    elif kind == "palette with alpha":
        image = corners(mode="RGBA").quantize(8)
        content, name = saved(image, transparency=image.getpixel((70, 50))), "a.png"
    elif kind == "grey with alpha":
        content, name = saved(Image.new("LA", (80, 60), (200, 255))), "a.png"
        color = (200, 200, 200)
    else:
        content, name = saved(corners(mode="1" if kind == "1 bit" else "L")), "a.png"
        color = (76, 76, 76)  # black and white in turns where it has 1 bit
    made = store.image(content, name, output=output, width=40)
    assert near(made.convert("RGB").getpixel((6, 6)), color, 40), made.mode
    if kind == "palette with alpha" and output != "jpg":
        clear = made.convert("RGBA").getpixel((36, 26))
        assert isinstance(clear, tuple)
        assert clear[3] == 0


def _animation(form: str) -> bytes:
    frames = [Image.new("RGB", (40, 40), color) for color in (RED, GREEN, BLUE)]
    return saved(frames[0], form, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
@pytest.mark.parametrize(("output", "frames"), [("gif", 3), ("webp", 3), ("avif", 3), ("png", 1), ("jpg", 1)])
def test_animations_stay_animated_where_the_format_can(
    store: Store, form: str, output: str, frames: int
) -> None:
    image = store.image(_animation(form), f"a.{form.lower()}", output=output, width=20, height=10)
    assert image.size == (20, 10)
    assert getattr(image, "n_frames", 1) == frames
    if frames > 1:
        durations = []
        for number in range(frames):
            image.seek(number)
            image.load()
            durations.append(image.info["duration"])
        assert durations == [100, 200, 300]
        if output != "avif":
            assert image.info["loop"] == 0
        assert near(image.convert("RGB").getpixel((5, 5)), BLUE, 40)


def test_heic(store: Store) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    content = saved(corners(), "HEIF", quality=90)
    file = store.put(content, "a.heic")
    path = f"/v1/storage/buckets/{store.bucket}/files/{file}"
    assert store.client.get(path).json()["mimeType"] == "image/heic"
    image = shown(store.get(file, width=40, output="png").content)
    assert image.size == (40, 30)
    assert near(image.getpixel((5, 5)), RED, 40)


def test_heic_where_it_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a file of another kind."""
    monkeypatch.setattr(previews, "HEIC", False)
    image = store.image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a.heic", width=100, height=50)
    assert (image.format, image.size) == ("JPEG", (100, 50))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.4 of a kind", "a.pdf"),
        (b"words", "a.txt"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg"),
        (b"", "a.bin"),
    ],
)
def test_what_is_no_picture_has_one_that_stands_for_it(store: Store, content: bytes, name: str) -> None:
    image = store.image(content, name, width=100, height=50)
    assert (image.format, image.size) == ("JPEG", (100, 50))
    assert near(image.getpixel((2, 2)), (0xEC, 0xEF, 0xF1))
    blue = store.image(content, name, width=50, background="0000ff", output="png")
    assert near(blue.getpixel((1, 1)), BLUE)


@pytest.mark.parametrize("content", [saved(corners())[:-40], saved(corners())[:60], bomb()[:33]])
def test_damaged(store: Store, content: bytes) -> None:
    assert refused(store.get(store.put(content))) == (400, "storage_file_type_unsupported")


def test_a_picture_that_would_be_too_large_is_refused_by_its_head(store: Store) -> None:
    assert refused(store.get(store.put(bomb()), width=10)) == (400, "storage_image_resolution_exceeded")
    assert store.image(saved(corners())).size == (80, 60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 4001}, {"width": -1}, {"height": "x"}, {"gravity": "middle"}, {"quality": 101},
        {"borderWidth": 101}, {"borderColor": "#fff"}, {"borderColor": "ff"}, {"opacity": 1.5},
        {"opacity": "nan"}, {"rotation": 361}, {"background": "red"}, {"output": "bmp"}, {"token": "x" * 513},
    ],
)  # fmt: skip
def test_wrong_parameters(store: Store, wrong: dict[str, Any]) -> None:
    assert refused(store.get("any", **wrong)) == (400, "general_argument_invalid")


def test_kept_and_asked_for_again(store: Store) -> None:
    file = store.put(saved(corners()))
    first, second = store.get(file, width=33), store.get(file, width=33)
    assert (first.headers["x-appwrite-cache"], second.headers["x-appwrite-cache"]) == ("miss", "hit")
    assert first.content == second.content
    assert first.headers["cache-control"] == "private, max-age=2592000"
    tag = first.headers["etag"]
    assert second.headers["etag"] == tag
    again = store.get(file, {"If-None-Match": tag}, width=33)
    assert (again.status_code, again.content) == (304, b"")
    other = store.get(file, width=34)
    assert (other.headers["x-appwrite-cache"], other.headers["etag"] != tag) == ("miss", True)
    assert store.get(file, {"Range": "bytes=0-3"}, width=33).content == first.content[:4]


def test_what_is_kept_goes_with_the_file(store: Store) -> None:
    files = [store.put(saved(corners(width, 60))) for width in (80, 90)]
    before = set(store.kept())
    for file in files:
        store.get(file, width=20)
    assert len(set(store.kept()) - before) == 2
    path = f"/v1/storage/buckets/{store.bucket}"
    store.program.delete(f"{path}/files/{files[0]}").raise_for_status()
    assert len(set(store.kept()) - before) == 1
    assert refused(store.get(files[0], width=20)) == (404, "storage_file_not_found")
    store.program.delete(path).raise_for_status()
    assert not set(store.kept()) - before


def test_rights_are_looked_at_again_for_what_is_kept(store: Store) -> None:
    file = store.put(saved(corners()))
    assert store.get(file).status_code == 200
    path = f"/v1/storage/buckets/{store.bucket}"
    store.program.put(path, json={"name": "B", "permissions": []}).raise_for_status()
    assert refused(store.get(file)) == (401, "user_unauthorized")
    token = store.program.post(f"/v1/tokens/buckets/{store.bucket}/files/{file}").json()
    assert store.get(file, token=token["secret"]).headers["x-appwrite-cache"] == "hit"
    other = store.put(saved(corners()))
    assert refused(store.get(other, token=token["secret"])) == (401, "user_unauthorized")
    store.program.delete(f"/v1/tokens/{token['$id']}").raise_for_status()
    assert refused(store.get(file, token=token["secret"])) == (401, "user_unauthorized")


def test_a_bucket_without_transformations(store: Store) -> None:
    file = store.put(saved(corners()))
    path = f"/v1/storage/buckets/{store.bucket}"
    body = {"name": "B", "permissions": ['read("any")'], "transformations": False}
    store.program.put(path, json=body).raise_for_status()
    assert refused(store.get(file)) == (403, "storage_bucket_transformations_disabled")
    assert store.program.get(f"{path}/files/{file}/preview").status_code == 200


def test_rights_come_before_what_a_bucket_makes(store: Store) -> None:
    file = store.put(saved(corners()))
    path = f"/v1/storage/buckets/{store.bucket}"
    closed = {"name": "B", "permissions": [], "transformations": False}
    store.program.put(path, json=closed).raise_for_status()
    assert refused(store.get(file)) == (401, "user_unauthorized")
    by_file = {**closed, "fileSecurity": True}
    store.program.put(path, json=by_file).raise_for_status()
    assert refused(store.get(file)) == refused(store.get("nothing")) == (404, "storage_file_not_found")


def test_a_renamed_picture_is_not_the_copy_that_a_client_has(store: Store) -> None:
    file = store.put(saved(corners()), "a.png")
    first = store.get(file)
    since = {"If-Modified-Since": first.headers["last-modified"]}
    assert store.get(file, since).status_code == 304
    path = f"/v1/storage/buckets/{store.bucket}/files/{file}"
    renamed = store.program.get(path).json()
    while renamed["$updatedAt"][:19] == renamed["$createdAt"][:19]:  # dates of HTTP have whole seconds
        renamed = store.program.put(path, json={"name": "a.webp"}).raise_for_status().json()
    again = store.get(file, since)
    assert (again.status_code, again.headers["content-type"]) == (200, "image/webp")


def test_missing_content(store: Store) -> None:
    before = store.api.stored_objects()
    file = store.put(saved(corners()))
    for path in store.api.stored_objects() - before:
        path.unlink()
    assert refused(store.get(file)) == (404, "storage_file_not_found")


def test_many_parts(store: Store) -> None:
    """A picture that came in chunks."""
    noise = Image.effect_noise((1900, 1900), 90).convert("RGB")
    content = saved(noise, compress_level=0)
    size = 5 * 1024 * 1024
    file = unique_id()
    for start in range(0, len(content), size):
        piece = content[start : start + size]
        headers = {
            "Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}",
            "X-Appwrite-ID": file,
        }
        store.program.post(
            f"/v1/storage/buckets/{store.bucket}/files",
            data={"fileId": file},
            files={"file": ("a.png", io.BytesIO(piece))},
            headers=headers,
        ).raise_for_status()
    answer = store.get(file, width=20, output="png")
    assert answer.status_code == 200
    assert shown(answer.content).size == (20, 20)
