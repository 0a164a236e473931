"""Avatars over HTTP: drawn ones, and those that are fetched from servers of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.people import sign_up
from tests.support.api import ApiServer, running_api
from tests.support.pictures import RED, bomb, corners, near, saved, shown
from tidewire.core.ids import unique_id
from tidewire.pictures.contract import UndecodableError
from tidewire.pictures.icons import harmless_svg, icon_address
from tidewire.services import ALL_OPERATIONS
from tidewire.services.avatars.people import color_of, initials_of
from tidewire.settings import Settings

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("browsers/ch", (100, 100)),
        ("browsers/FF?width=200&height=0", (200, 200)),
        ("credit-cards/targeta-shopping?width=0&height=0", (256, 256)),
        ("credit-cards/visa?width=30&height=60&quality=0", (30, 60)),
        ("flags/de?width=120&height=90", (120, 90)),
        ("flags/CH", (100, 100)),
        ("initials?name=Ada%20Lovelace&width=40&height=60", (40, 60)),
        ("initials?width=0&height=0", (500, 500)),
        ("qr?text=hello&size=123", (123, 123)),
        ("photo?width=50", (50, 256)),
    ],
)
def test_sizes(client: httpx.Client, path: str, size: tuple[int, int]) -> None:
    answer = client.get(f"/v1/avatars/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    assert answer.headers["cache-control"].startswith("private")
    image = shown(answer.content)
    assert (image.format, image.size) == ("PNG", size)


@pytest.mark.parametrize(
    "path",
    [
        "browsers/xx", "credit-cards/gold", "flags/xx", "flags/de?width=2001", "flags/de?quality=101", "qr",
        "qr?text=", f"qr?text={'x' * 513}", "qr?text=a&size=0", "qr?text=a&margin=11", "image?url=nothing",
        "image?url=file:///etc/passwd", "image", "favicon?url=ftp://example.com/", "photo?output=gif",
        "initials?background=red", f"initials?name={'x' * 129}",
    ],
)  # fmt: skip
def test_wrong_parameters(client: httpx.Client, path: str) -> None:
    assert refused(client.get(f"/v1/avatars/{path}")) == (400, "general_argument_invalid")


def test_flags_are_those_of_the_countries(client: httpx.Client) -> None:
    france = shown(client.get("/v1/avatars/flags/fr?width=120&height=90").content).convert("RGB")
    assert near(france.getpixel((60, 45)), (255, 255, 255))
    left, right = france.getpixel((5, 45)), france.getpixel((115, 45))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[2] > left[0]
    assert right[0] > right[2]
    first, second = (client.get("/v1/avatars/flags/us?width=77") for _ in range(2))
    assert [each.headers["x-appwrite-cache"] for each in (first, second)] == ["miss", "hit"]
    assert first.content == second.content


def test_every_mark_can_be_drawn(client: httpx.Client) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    for kind in ("browsers", "credit-cards", "flags"):
        [code] = [
            each
            for path, operations in paths.items()
            if path.startswith(f"/avatars/{kind}/")
            for each in operations["get"]["parameters"]
            if each["name"] == "code"
        ]
        for value in code["schema"]["enum"]:
            answer = client.get(f"/v1/avatars/{kind}/{value}?width=8&height=8")
            assert answer.status_code == 200, value


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"),
        ("ada", "A"),
        ("ada_lovelace", "AL"),
        ("Ada King Lovelace", "AK"),
        ("- Lovelace", "L"),
        ("Ada - King", "AK"),
        ("Élodie Øst", "E"),
        ("李 明", ""),
        ("", ""),
        ("  ", ""),
        ("7 of 9", "7O"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials_of(name) == letters


def test_initials_are_punched_out_of_their_colour(client: httpx.Client) -> None:
    image = shown(client.get("/v1/avatars/initials?name=Ada+Lovelace").content)
    color = tuple(bytes.fromhex(color_of("AL")))
    assert near(image.getpixel((2, 2)), color, 0)
    alpha = image.getchannel("A")
    assert alpha.getextrema() == (0, 255)
    plain = shown(client.get("/v1/avatars/initials?name=%E6%9D%8E&background=0F0").content)
    assert plain.getchannel("A").getextrema() == (255, 255)
    assert near(plain.getpixel((250, 250)), (0, 255, 0), 0)


def test_without_a_name_they_are_those_of_who_asks(api: ApiServer, client: httpx.Client) -> None:
    sign_up(client, unique_id())
    name = client.get("/v1/account").json()["name"]
    own = client.get("/v1/avatars/initials")
    assert own.headers["cache-control"] == "private, no-cache"
    named = client.get(
        "/v1/avatars/initials", params={"name": name or client.get("/v1/account").json()["email"]}
    )
    assert own.content == named.content
    assert named.headers["cache-control"] == "private, max-age=3888000"


def test_pictures_of_the_best_quality_are_compressed_all_the_same(client: httpx.Client) -> None:
    for path in ("photo", "flags/us?quality=100&width=256", "credit-cards/visa?quality=100&width=256"):
        answer = client.get(f"/v1/avatars/{path}")
        width, height = shown(answer.content).size
        assert len(answer.content) < width * height, path  # uncompressed it has 3 or 4 bytes for each pixel


def test_qr(client: httpx.Client) -> None:
    answer = client.get("/v1/avatars/qr?text=hello&size=230&margin=1&download=true")
    assert answer.headers["content-disposition"] == 'attachment; filename="qr.png"'
    image = shown(answer.content).convert("L")
    module = 230 / 23  # version 1 has 21 modules, with the margin 23
    dark = [
        [(image.getpixel((int((x + 0.5) * module), int((y + 0.5) * module))) or 0) == 0 for x in range(23)]
        for y in range(23)
    ]
    assert not any(dark[0])
    assert dark[1][1:8] == [True] * 7  # the mark of a corner
    assert dark[2][1:8] == [True, *[False] * 5, True]
    assert "inline" in client.get("/v1/avatars/qr?text=hello").headers["content-disposition"]


def test_switched_off(api: ApiServer, client: httpx.Client, program: httpx.Client) -> None:
    path = "/v1/project/services/avatars"
    program.patch(path, json={"enabled": False}).raise_for_status()
    try:
        assert refused(client.get("/v1/avatars/qr?text=a")) == (403, "general_service_disabled")
    finally:
        program.patch(path, json={"enabled": True}).raise_for_status()
    assert client.get("/v1/avatars/qr?text=a").status_code == 200


# What lies elsewhere


class Elsewhere:
    """A web server of the test."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        elsewhere = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                elsewhere.asked.append(self.path)
                status, headers, body = elsewhere.pages.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server.server_port}{path}"

    def put(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, named, body)
        return self.url(path)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def daring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that may fetch from 127.0.0.1."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("daring")),
        synchronous="normal",
        rate_limits=False,
        avatars_allowed_hosts=["127.0.0.1"],
        avatars_fetch_max_bytes=200_000,
        avatars_fetch_seconds=2.0,
    )
    with (
        running_api(settings, ALL_OPERATIONS) as server,
        httpx.Client(
            base_url=server.url, headers={"X-Appwrite-Project": server.project}, timeout=20
        ) as client,
    ):
        yield client


def image(client: httpx.Client, url: str, **params: Any) -> httpx.Response:
    return client.get("/v1/avatars/image", params={"url": url, **params})


def favicon(client: httpx.Client, url: str) -> httpx.Response:
    return client.get("/v1/avatars/favicon", params={"url": url})


def test_a_picture_from_elsewhere(daring: httpx.Client, elsewhere: Elsewhere) -> None:
    url = elsewhere.put("/a.jpg?x=1", saved(corners(400, 300), "JPEG", quality=95))
    made = image(daring, url, width=40, height=30)
    assert (made.status_code, made.headers["content-type"]) == (200, "image/png")
    assert shown(made.content).size == (40, 30)
    assert near(shown(made.content).getpixel((3, 3)), RED)
    again = image(daring, url, width=40, height=30)
    assert (again.headers["x-appwrite-cache"], again.content) == ("hit", made.content)
    assert elsewhere.asked == ["/a.jpg?x=1"]


def test_what_is_no_picture_elsewhere(daring: httpx.Client, elsewhere: Elsewhere) -> None:
    for path, body in {"/page": b"<html>", "/svg": SVG, "/cut": saved(corners())[:50], "/empty": b""}.items():
        assert refused(image(daring, elsewhere.put(path, body))) == (404, "avatar_image_not_found"), path
    assert refused(image(daring, elsewhere.url("/missing"))) == (404, "avatar_image_not_found")
    large = image(daring, elsewhere.put("/bomb", bomb(60_000, 30_000)))
    assert large.status_code in {400, 404}
    too_long = elsewhere.put("/long", bytes(200_001))
    assert refused(image(daring, too_long)) == (404, "avatar_remote_url_failed")
    # A redirect is none of its business.
    moved = elsewhere.put("/moved", status=302, Location=elsewhere.put("/b.png", saved(corners())))
    assert refused(image(daring, moved)) == (404, "avatar_image_not_found")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]",
        "10.0.0.1", "192.168.0.1", "169.254.169.254", "[fe80::1]", "server", "server.local",
        "server.internal",
    ],
)  # fmt: skip
def test_addresses_within(client: httpx.Client, elsewhere: Elsewhere, host: str) -> None:
    elsewhere.put("/a.png", saved(corners()))
    for ask in (image, favicon):
        answer = ask(client, elsewhere.url("/a.png", host))
        assert refused(answer) in [(404, "avatar_remote_url_failed"), (400, "general_argument_invalid")]
        assert host not in answer.json()["message"]
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/b",
        "http://127.1:{port}/b",
        "http://[::1]:{port}/b",
        "file:///etc/passwd",
        "//10.0.0.1/b",
    ],
)
def test_redirects_are_checked_anew(daring: httpx.Client, elsewhere: Elsewhere, target: str) -> None:
    """127.0.0.1 may be fetched from there, the same machine by another name may not."""
    location = target.format(port=elsewhere.server.server_port)
    elsewhere.put("/b", saved(corners()))
    moved = elsewhere.put("/moved", status=301, Location=location)
    assert refused(favicon(daring, moved)) == (404, "avatar_remote_url_failed")
    page = elsewhere.put("/page", f'<link rel="icon" href="{location}.png">'.encode())
    assert refused(favicon(daring, page))[0] == 404
    icon = elsewhere.put("/other", b'<link rel="icon" href="/moved.png">')
    elsewhere.put("/moved.png", status=307, Location=location)
    assert refused(favicon(daring, icon)) == (404, "avatar_remote_url_failed")
    assert "/b" not in elsewhere.asked


def test_redirects_without_end(daring: httpx.Client, elsewhere: Elsewhere) -> None:
    url = elsewhere.put("/round", status=302, Location="/round")
    assert refused(favicon(daring, url)) == (404, "avatar_remote_url_failed")
    assert len(elsewhere.asked) == 6


def test_icons_of_pages(daring: httpx.Client, elsewhere: Elsewhere) -> None:
    elsewhere.put("/small.png", saved(corners()))
    elsewhere.put("/large.png", saved(corners(mode="L").convert("RGB")))
    elsewhere.put("/favicon.ico", b"\0\0\1\0 the old one")
    acting = SVG.replace(b"<rect", b"<script>1</script><rect onclick='x()'")
    elsewhere.put("/i.svg", acting, Content_Type="image/svg+xml")
    links = '<link rel="icon" sizes="16x16" href="small.png">'
    links += '<LINK REL="Shortcut Icon" sizes=64x64 href=/large.png>'
    made = favicon(daring, elsewhere.put("/page", links.encode()))
    assert (made.status_code, made.headers["content-type"]) == (200, "image/png")
    icon = shown(made.content)
    assert icon.size == (56, 56)
    assert near(icon.convert("RGB").getpixel((3, 3)), (76, 76, 76))
    drawing = favicon(daring, elsewhere.put("/svg", f'{links}<link rel="icon" href="i.svg">'.encode()))
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert b"rect" in drawing.content
    assert b"script" not in drawing.content
    assert b"onclick" not in drawing.content
    assert "sandbox" in drawing.headers["content-security-policy"]
    plain = favicon(daring, elsewhere.put("/plain", b"<html>no icon"))
    assert (plain.headers["content-type"], plain.content) == ("image/x-icon", b"\0\0\1\0 the old one")
    elsewhere.put("/favicon.ico", b"  <!doctype html> not found")
    assert refused(favicon(daring, elsewhere.url("/plain"))) == (404, "avatar_icon_not_found")
    del elsewhere.pages["/favicon.ico"]
    assert refused(favicon(daring, elsewhere.url("/plain"))) == (404, "avatar_icon_not_found")
    moved = elsewhere.put("/moved", status=302, Location="/page")
    assert favicon(daring, moved).content == made.content
    broken = elsewhere.put("/broken", b'<link rel="icon" href="/j.svg">')
    elsewhere.put("/j.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>')
    assert refused(favicon(daring, broken)) == (400, "avatar_svg_sanitization_failed")
    elsewhere.put("/j.svg", DEEP)
    assert refused(favicon(daring, broken)) == (400, "avatar_svg_sanitization_failed")
    odd = elsewhere.put("/odd", b"<![<!")
    assert refused(favicon(daring, odd)) == (404, "avatar_icon_not_found")


def test_a_server_that_does_not_answer(daring: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        assert refused(image(daring, url)) == (404, "avatar_remote_url_failed")


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ('<link rel="icon" href="a.png">', "http://x.org/d/a.png"),
        ('<link rel="icon" href="//y.org/a.png?1">', "http://y.org/a.png?1"),
        ('<link rel="stylesheet" href="a.png">', "http://x.org/favicon.ico"),
        ('<link rel="icon" href="a.webm">', "http://x.org/favicon.ico"),
        ('<link rel="icon" href="http://[">', "http://x.org/favicon.ico"),
        ('<link rel="icon"', "http://x.org/favicon.ico"),
        ("\0\xff<<<", "http://x.org/favicon.ico"),
        ('<link rel="icon" href="a.png"><![<!', "http://x.org/d/a.png"),
    ],
)
def test_addresses_of_icons(page: str, address: str) -> None:
    assert icon_address("http://x.org/d/e", page.encode("latin-1")) == address


@pytest.mark.parametrize(
    "harm",
    [
        "<script>alert(1)</script>", '<a href="javascript:alert(1)"><rect/></a>',
        "<style>@import 'x'</style>",
        "<foreignObject><p/></foreignObject>", '<image href="http://x.org/"/>', '<use href="http://x.org/#a"/>',
        '<rect onload="x()"/>', '<rect fill="url(http://x.org/)"/>',
        '<rect style="fill:url( &quot;//x.org&quot;)"/>',
        '<animate attributeName="href" to="javascript:x"/>', "<iframe/>", "<!-- <script> -->",
    ],
)  # fmt: skip
def test_svg_runs_nothing(harm: str) -> None:
    content = f'<svg xmlns="http://www.w3.org/2000/svg">{harm}<circle r="3" fill="url(#a)"/></svg>'
    clean = harmless_svg(content.encode()).decode()
    assert "circle" in clean
    assert 'fill="url(#a)"' in clean
    for word in ("script", "x.org", "onload", "javascript", "import", "foreign", "iframe", "animate"):
        assert word not in clean


DEEP = b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 20_000 + b"</g>" * 20_000 + b"</svg>"
ENTITIES = '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>'


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<svg/>", b"<html/>", b"<svg", b"\xff\xfe\0", b"<!DOCTYPE svg><svg/>", ENTITIES.encode(),
        ENTITIES.encode("utf-16"), DEEP,
    ],
)  # fmt: skip
def test_what_is_no_svg(content: bytes) -> None:
    with pytest.raises(UndecodableError):
        harmless_svg(content)


def test_the_flags_and_their_licence_are_small(client: httpx.Client) -> None:
    folder = Path(__file__).parents[2] / "src/tidewire/pictures/static/flags"
    assert "MIT" in (folder / "LICENSE").read_text()
    assert sum(path.stat().st_size for path in folder.iterdir()) < 500_000
    assert len(list(folder.glob("*.webp"))) == 195
