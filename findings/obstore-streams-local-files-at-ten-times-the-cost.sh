#!/usr/bin/env bash
# obstore: a local object that is streamed costs several times the processor's time of one that is read by a range.
#
# GetResult.stream() is how a large object is passed on with little memory, so a good guess says that a stream is
# also the cheaper way, or as cheap, for an object that fits into one of its pieces (they have at least 10 MiB by
# default, so one of 2.6 MB comes whole). Of a LocalStore it takes some ten times as long as get_range_async() of all
# its bytes, and several times as long as bytes_async() of the same result: below it is read in small pieces, each
# taken from a pool of threads, and put together again. Whoever serves pictures or parts of files from a folder reads
# what is small enough by ranges.
#
# Seen with obstore 0.12.1, Python 3.11, on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check obstore==0.12.1
cat >"$folder/read.py" <<'PY'
import asyncio
import os
import sys
import tempfile
import time

import obstore
from obstore.store import LocalStore

SIZE = 2_600_000


async def streamed(store):
    pieces = [piece async for piece in (await obstore.get_async(store, "object")).stream()]
    return len(pieces), sum(map(len, pieces))


async def by_range(store):
    return 1, len(await obstore.get_range_async(store, "object", start=0, end=SIZE))


async def whole(store):
    return 1, len(await (await obstore.get_async(store, "object")).bytes_async())


async def milliseconds(read, store):
    """Processor's time of one reading, all threads counted, the least of some."""
    times = []
    for _ in range(12):
        began = time.process_time()
        for _ in range(10):
            assert await read(store) == (1, SIZE)
        times.append(100 * (time.process_time() - began))
    return min(times)


async def main():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/object", "wb") as file:
            file.write(os.urandom(SIZE))
        store = LocalStore(folder)
        stream, ranged, at_once = [await milliseconds(each, store) for each in (streamed, by_range, whole)]
    print(f"{stream:.2f} {ranged:.2f} {at_once:.2f} ms", file=sys.stderr)
    print("a stream in one piece takes four times as long as a range, or longer:", stream > 4 * ranged)
    print("and twice as long as the whole by bytes_async(), or longer:", stream > 2 * at_once)


asyncio.run(main())
sys.stdout.flush()
os._exit(0)  # the library's own threads are not waited for
PY
"$folder/venv/bin/python" "$folder/read.py" | tee "$folder/out"
diff "$folder/out" - <<'OUT'
a stream in one piece takes four times as long as a range, or longer: True
and twice as long as the whole by bytes_async(), or longer: True
OUT
