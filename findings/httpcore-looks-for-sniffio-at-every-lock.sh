#!/usr/bin/env bash
# httpcore on asyncio tries to import sniffio several times per request where it is not installed, and pays each time.
#
# httpcore's asynchronous half is an extra, httpcore[asyncio], which brings anyio. anyio brought sniffio along until
# it needed it no more, so a new environment has none. httpcore still asks for it: each lock, event and shield that
# it enters does `import sniffio` to find out which library runs. A good guess says that an import that failed once
# costs nothing afterwards, as one that succeeded does. Python remembers modules that it has, not those that it
# lacks: every try goes through all finders and the folders of sys.path again, which takes more than a hundred times
# as long, and longer the more finders there are, as each editable install adds one. The simplest request on a
# connection that is kept open tries it four times. Installing sniffio, which httpcore does not ask for, ends that.
#
# Seen with httpcore 1.0.9, anyio 4.16.0, h11 0.16.0, sniffio 1.3.1, Python 3.11, on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
for name in without with; do python3 -m venv "$folder/$name"; done
quiet=(install -q --disable-pip-version-check "httpcore[asyncio]==1.0.9" anyio==4.16.0 h11==0.16.0)
"$folder/without/bin/pip" "${quiet[@]}"
"$folder/with/bin/pip" "${quiet[@]}" sniffio==1.3.1
cat >"$folder/ask.py" <<'PY'
"""Ask a server of this process again and again, and see how often sniffio is looked for."""
import asyncio
import sys
import time

import httpcore

looked_for = 0


class Counts:
    """Stands before all finders, finds nothing, counts."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        global looked_for
        looked_for += name == "sniffio"
        return None


async def answer(reader, writer):
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def seconds(name):
    """Of one try to import a module, the least of some."""
    times = []
    for _ in range(200):
        began = time.perf_counter()
        try:
            __import__(name)
        except ImportError:
            pass
        times.append(time.perf_counter() - began)
    return min(times)


async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with httpcore.AsyncConnectionPool() as pool:
        await pool.request("GET", url)
        sys.meta_path.insert(0, Counts)
        for _ in range(20):
            assert (await pool.request("GET", url)).status == 200
        sys.meta_path.remove(Counts)
    print(f"  looked for, per request: {looked_for / 20:g}")
    print(f"  a try takes more than 30 times as long as of a module that is there: "
          f"{seconds('sniffio') > 30 * seconds('anyio')}")


asyncio.run(main())
PY
for name in without with; do
    echo "$name sniffio"
    "$folder/$name/bin/python" "$folder/ask.py" 2>/dev/null
done | tee "$folder/out"
diff "$folder/out" - <<'OUT'
without sniffio
  looked for, per request: 4
  a try takes more than 30 times as long as of a module that is there: True
with sniffio
  looked for, per request: 0
  a try takes more than 30 times as long as of a module that is there: False
OUT
