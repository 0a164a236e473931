"""Lists of 25 rows, plain and compressed, on one server in turns: requests for each second of its processor.

``python -m benchmarks.compressed_answers``, with ``--write`` to note the result. What else the machine does
slows both alike, and takes nothing of the time that the server's own process is counted with.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
from tests.support.server import PROGRAM, TidewireServer

ROWS: Final = 25
CLIENTS: Final = 8
ROUNDS: Final = 9
REQUESTS: Final = 400
"""In each round, of each kind."""
SECTION: Final = Path(__file__).parent / "compressed_answers.md"
"""What ``python -m benchmarks.report`` puts at the end of the page."""
HEAD: Final = f"""### Lists of {ROWS} rows, plain and as gzip

Measured by `python -m benchmarks.compressed_answers`, apart from the rest: {CLIENTS} clients ask one server
for the same list, plain and compressed in turns, {ROUNDS} rounds of {REQUESTS} requests each. Requests for
each second of the server's processor; the ratio is the median of the rounds, with their quartiles.

| codec | plain (requests/s) | gzip (requests/s) | ratio | plain (bytes) | gzip (bytes) |
| --- | --- | --- | --- | --- | --- |"""
_WORDS = (
    *("harbour", "quiet", "silver", "market", "walking", "letters"),
    *("summer", "engine", "bridge", "garden", "number", "window"),
)
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """That a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def fill(client: httpx.AsyncClient) -> None:
    """Make a table with rows as apps have them."""
    made: list[tuple[str, Mapping[str, object]]] = [
        ("/tablesdb", {"databaseId": "d", "name": "d"}),
        ("/tablesdb/d/tables", {"tableId": "posts", "name": "Posts", "permissions": ['read("any")']}),
        ("/tablesdb/d/tables/posts/columns/string", {"key": "title", "size": 100, "required": False}),
        ("/tablesdb/d/tables/posts/columns/string", {"key": "body", "size": 1000, "required": False}),
        ("/tablesdb/d/tables/posts/columns/integer", {"key": "likes", "required": False}),
    ]
    for path, body in made:
        (await client.post(path, json=body)).raise_for_status()
    await asyncio.sleep(1)
    chance = random.Random(1)
    for number in range(ROWS):
        text = " ".join(chance.choices(_WORDS, k=20))
        data = {"title": f"Post {number}", "body": text, "likes": chance.randrange(10_000)}
        row = {"rowId": f"{chance.getrandbits(80):020x}", "data": data}
        (await client.post("/tablesdb/d/tables/posts/rows", json=row)).raise_for_status()


async def request_many(port: int, accept: str, count: int) -> int:
    """Ask for the list so many times over one connection; the bytes of one body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "GET /v1/tablesdb/d/tables/posts/rows HTTP/1.1\r\nHost: localhost\r\nX-Appwrite-Project: default\r\n"
        f"Accept-Encoding: {accept}\r\n\r\n"
    ).encode()
    length = 0
    for _ in range(count):
        writer.write(head)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert answer.startswith(b"http/1.1 200"), answer
        assert (b"content-encoding: gzip" in answer) == (accept == "gzip")
        length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()
    return length


async def measure(server: TidewireServer) -> str:
    """Rates of both, their ratio with the quartiles of the rounds, and the bytes, as a row of a table."""
    scopes = "databases.write,tables.write,columns.write,rows.write"
    key = await asyncio.to_thread(server.create_key, scopes)
    headers = {"X-Appwrite-Project": "default", "X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as client:
        await fill(client)
    assert server.process is not None
    pid = server.process.pid
    rates: dict[str, list[float]] = {"identity": [], "gzip": []}
    sizes: dict[str, int] = {}
    for turn in range(ROUNDS + 1):
        for accept, kept in rates.items() if turn % 2 else reversed(rates.items()):
            before = processor_seconds(pid)
            each = [request_many(server.port, accept, REQUESTS // CLIENTS) for _ in range(CLIENTS)]
            sizes[accept] = (await asyncio.gather(*each))[0]
            if turn:  # the first round warms up
                kept.append(REQUESTS / (processor_seconds(pid) - before))
    ratios = [packed / plain for plain, packed in zip(rates["identity"], rates["gzip"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    plain, packed = statistics.median(rates["identity"]), statistics.median(rates["gzip"])
    return (
        f"{plain:,.0f} | {packed:,.0f} | {middle:.2f} ({low:.2f} to {high:.2f}) "
        f"| {sizes['identity']:,} | {sizes['gzip']:,} ({sizes['gzip'] / sizes['identity']:.2f})"
    )


def measured(codec: str) -> str:
    """The row of a codec, on a server of its own."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {"TIDEWIRE_RATE_LIMITS": "off"}
        if codec == "zlib":
            # A package of that name that cannot be imported, before the one that is installed.
            hidden = Path(directory) / "hidden" / "isal"
            hidden.mkdir(parents=True)
            (hidden / "__init__.py").write_text("raise ImportError\n", encoding="utf-8")
            environment["PYTHONPATH"] = str(hidden.parent)
        server = TidewireServer(Path(directory) / "data", [], environment, program=PROGRAM)
        server.start()
        try:
            return f"| {codec} | {asyncio.run(measure(server))} |"
        finally:
            server.stop()


def main() -> None:
    """Measure both codecs, print the section, and write it with ``--write``."""
    rows = [measured(codec) for codec in ("isal (the extra `speed`)", "zlib")]
    section = f"{HEAD}\n" + "\n".join(rows) + "\n"
    print(section)
    if "--write" in sys.argv:
        SECTION.write_text(section, encoding="utf-8")


if __name__ == "__main__":
    main()
