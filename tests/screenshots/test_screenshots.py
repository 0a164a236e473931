"""Screenshots of pages by a real browser: what it shows, what it cannot reach, and what bounds it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from PIL import Image

from tests.support.api import ApiServer, running_api
from tidewire.screenshots.cell import missing
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings

ALLOWED = "127.0.0.1"
"""Where the pages of these tests are. The same server by another name is an address that nobody allowed."""

PAGES = {
    "/plain": "<body style='margin:0;background:#00ff00'></body>",
    "/themed": "<style>body{margin:0;background:#fff}"
    "@media(prefers-color-scheme:dark){body{background:#000}}</style>",
    "/tall": "<body style='margin:0'><div style='height:3000px;background:#0000ff'></div></body>",
    "/visitor": """<body style='margin:0'><script>
        const told = {agent: navigator.userAgent, language: navigator.language,
          touch: navigator.maxTouchPoints, zone: Intl.DateTimeFormat().resolvedOptions().timeZone};
        const tell = () => fetch('/told', {method: 'POST', body: JSON.stringify(told)});
        navigator.geolocation.getCurrentPosition(
          (at) => { told.place = [at.coords.latitude, at.coords.longitude]; tell(); },
          () => { told.place = null; tell(); });
        alert('nobody presses a button');
        </script></body>""",
    "/spying": """<body style='margin:0;background:#ff0000'>
        <img src='http://localhost:PORT/hit/image'><iframe src='http://localhost:PORT/hit/frame'></iframe>
        <script src='http://localhost:PORT/hit/script'></script>
        <script>fetch('http://localhost:PORT/hit/fetch', {mode: 'no-cors'});
        fetch('http://[::1]:PORT/hit/six', {mode: 'no-cors'});
        fetch('https://localhost:PORT/hit/tls', {mode: 'no-cors'});
        fetch('/away?to=http://localhost:PORT/hit/redirect', {mode: 'no-cors'});
        new WebSocket('ws://localhost:PORT/hit/socket');
        fetch('/told', {method: 'POST', body: '"spied"'});</script></body>""",
    "/greedy": "<script>const kept=[];setInterval(()=>{for(let i=0;i<8;i++)"
    "kept.push(new Uint8Array(2**22).fill(7))},1)</script>",
    "/endless": "<script>while(true){}</script>",
    "/loud": """<body style='margin:0;background:#00ff00'><script>
        const long = 'data:text/plain,' + 'x'.repeat(2**25);
        for (let i = 0; i < 3; i++) fetch(long);
        setTimeout(() => fetch('/told', {method: 'POST', body: '"loud"'}), 500);</script></body>""",
    "/local": "<iframe src='file:///etc/passwd'></iframe>",
}


class Pages(BaseHTTPRequestHandler):
    """Serves the pages, and notes what came."""

    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []
    told: ClassVar[list[Any]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        if self.path.startswith("/away"):
            self._send(302, b"", ("Location", self.path.partition("to=")[2]))
        elif self.path.startswith("/slow"):
            time.sleep(60)
        elif self.path.startswith("/large"):
            self._send(200, b"x" * 3_000_000)
        elif self.path.startswith("/download"):
            self._send(200, b"x", ("Content-Disposition", "attachment"))
        else:
            page = PAGES.get(self.path.partition("?")[0], "")
            port = self.headers["Host"].rpartition(":")[2]
            self._send(200 if page else 404, page.replace("PORT", port).encode())

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.told.append(json.loads(self.rfile.read(length)))
        self._send(200, b"")

    def _send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", "text/html"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """Address of the pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{ALLOWED}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    Pages.seen.clear()
    Pages.told.clear()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    assert missing("") == "", "these tests need Chromium and bubblewrap"
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("screenshots")),
        synchronous="normal",
        rate_limits=False,
        screenshots=True,
        screenshots_seconds=40,
        screenshots_memory_bytes=900 * 2**20,
        screenshots_max_bytes=2_000_000,
        avatars_allowed_hosts=[ALLOWED],
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


def ask(api: ApiServer, url: str, **parameters: Any) -> httpx.Response:
    return httpx.get(
        f"{api.url}/v1/avatars/screenshots",
        params={"project": api.project, "url": url, **parameters},
        timeout=120,
    )


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["type"]) == (404, "avatar_remote_url_failed"), answer.text


def color(image: Image.Image) -> tuple[int, ...]:
    found = image.convert("RGB").getpixel((5, 5))
    assert isinstance(found, tuple)
    return tuple(round(each) for each in found)


def test_a_page(api: ApiServer, pages: str) -> None:
    answer = ask(api, f"{pages}/plain")
    shown = picture(answer)
    assert (shown.format, shown.size, color(shown)) == ("PNG", (1280, 720), (0, 255, 0))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, max-age=2592000"
    small = picture(
        ask(api, f"{pages}/plain", viewportWidth=300, viewportHeight=200, scale=2, width=100, output="webp")
    )
    assert (small.format, small.size[0]) == ("WEBP", 100)
    scaled = picture(ask(api, f"{pages}/plain", viewportWidth=300, viewportHeight=200, scale=2))
    assert scaled.size == (600, 400)


def test_a_visitor_as_it_is_asked_for(api: ApiServer, pages: str) -> None:
    assert color(picture(ask(api, f"{pages}/themed"))) == (255, 255, 255)
    assert color(picture(ask(api, f"{pages}/themed", theme="Dark"))) == (0, 0, 0)
    visitor = {
        "headers[x-probe]": "yes",
        "userAgent": "Probe/1",
        "locale": "de-CH",
        "timezone": "asia/tokyo",
        "latitude": 47.5,
        "longitude": 8.25,
        "accuracy": 10,
        "touch": "true",
        "permissions[]": ["geolocation", "camera"],
        "viewportWidth": 400,
        "sleep": 1,
    }
    picture(ask(api, f"{pages}/visitor", **visitor))
    (told,) = Pages.told
    assert told["agent"] == "Probe/1"
    assert (told["zone"], told["language"], told["place"]) == ("Asia/Tokyo", "de-CH", [47.5, 8.25])
    assert told["touch"] > 0
    sent = next(headers for path, headers in Pages.seen if path == "/visitor")
    headers = {name.lower(): value for name, value in sent.items()}
    assert (headers["x-probe"], headers["user-agent"]) == ("yes", "Probe/1")
    assert headers["accept-language"].startswith("de-CH")


def test_a_whole_page(api: ApiServer, pages: str) -> None:
    window = picture(ask(api, f"{pages}/tall", viewportWidth=200, viewportHeight=100))
    assert window.size[1] == 100
    whole = picture(ask(api, f"{pages}/tall", viewportWidth=200, viewportHeight=100, fullpage="true"))
    assert (whole.size[1], whole.convert("RGB").getpixel((5, 2990))) == (3000, (0, 0, 255))


def test_internal_addresses_are_not_called(api: ApiServer, pages: str) -> None:
    port = pages.rpartition(":")[2]
    for url in (f"http://localhost:{port}/hit", f"http://[::1]:{port}/hit", f"https://localhost:{port}/hit"):
        refused(ask(api, url))
    refused(ask(api, f"{pages}/away?to=http://localhost:{port}/hit/away"))
    assert color(picture(ask(api, f"{pages}/spying", sleep=2))) == (255, 0, 0)
    assert Pages.told == ["spied"]
    assert [path for path, _ in Pages.seen if path.startswith("/hit")] == []
    assert any(path.startswith("/away") for path, _ in Pages.seen[1:])


def test_files_of_the_machine_are_not_shown(api: ApiServer, pages: str) -> None:
    picture(ask(api, f"{pages}/local"))
    refused(ask(api, f"{pages}/away?to=file:///etc/passwd"))
    for url in ("file:///etc/passwd", "chrome://version", "data:text/html,x", "javascript:1"):
        assert ask(api, url).status_code == 400


def test_what_cannot_be_shown(api: ApiServer, pages: str) -> None:
    refused(ask(api, f"{pages}/download"))
    refused(ask(api, f"{pages}/large"))
    refused(ask(api, "http://127.0.0.1:1/"))
    assert ask(api, f"{pages}/plain", timezone="Nowhere/Else").status_code == 400
    assert ask(api, f"{pages}/plain", **{"headers[a b]": "x"}).status_code == 400
    assert ask(api, f"{pages}/plain", **{"headers[a]": "x\r\ny: z"}).status_code == 400
    assert ask(api, f"{pages}/plain", **{"permissions[]": "everything"}).status_code == 400


def browsers() -> list[str]:
    """Numbers of the processes that have to do with screenshots of this process."""
    found, waiting = [], [str(os.getpid())]
    while waiting:
        number = waiting.pop()
        try:
            tasks = list(Path("/proc", number, "task").iterdir())
            children = [each for task in tasks for each in (task / "children").read_text().split()]
        except OSError:
            continue
        waiting += children
        found += children
    named = []
    for number in found:
        try:
            command = Path("/proc", number, "cmdline").read_bytes()
        except OSError:
            continue
        if b"bwrap" in command or b"chrom" in command:
            named.append(number)
    return named


def test_a_page_that_takes_too_much_ends_its_browser(api: ApiServer, pages: str) -> None:
    refused(ask(api, f"{pages}/greedy", sleep=10))
    assert browsers() == []
    assert color(picture(ask(api, f"{pages}/plain"))) == (0, 255, 0)


def test_a_page_cannot_fill_the_server_by_what_its_browser_tells(api: ApiServer, pages: str) -> None:
    """The browser tells the server each address that a page opens, however long it is."""
    tracemalloc.start()
    try:
        assert color(picture(ask(api, f"{pages}/loud", sleep=3))) == (0, 255, 0)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert Pages.told == ["loud"]


def test_time_is_bounded_and_few_are_taken_at_once(tmp_path: Path, pages: str) -> None:
    settings = Settings(
        data_dir=str(tmp_path),
        synchronous="normal",
        rate_limits=False,
        screenshots=True,
        screenshots_seconds=4,
        pictures_waiting_of_caller=1,
        avatars_allowed_hosts=[ALLOWED],
    )
    with running_api(settings, ALL_OPERATIONS) as api:

        async def several() -> list[httpx.Response]:
            async with httpx.AsyncClient(timeout=60) as client:
                asked = [
                    client.get(
                        f"{api.url}/v1/avatars/screenshots",
                        params={"project": api.project, "url": f"{pages}/{page}"},
                    )
                    for page in ("endless", "slow", "slow", "slow")
                ]
                return await asyncio.gather(*asked)

        answers = asyncio.run(several())
        assert sorted(answer.status_code for answer in answers) == [404, 404, 503, 503]
        assert browsers() == []


def test_screenshots_are_off_unless_the_operator_says_otherwise(tmp_path: Path, pages: str) -> None:
    for named, told in (({}, "switched off"), ({"screenshots": True, "screenshots_browser": "none"}, "none")):
        settings = Settings(data_dir=str(tmp_path), synchronous="normal", **named)  # type: ignore[arg-type]
        with running_api(settings, ALL_OPERATIONS) as api:
            answer = ask(api, f"{pages}/plain")
            refused(answer)
            assert told in answer.json()["message"]
    assert Pages.seen == []
