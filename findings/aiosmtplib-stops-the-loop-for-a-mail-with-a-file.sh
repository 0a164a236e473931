#!/usr/bin/env bash
# aiosmtplib stops its event loop while it makes a mail with a file ready, several times as long as base64 takes.
#
# An asynchronous library for mail is taken so that a slow mail server does not hold up everything else, and a good
# guess says that only the network is waited for. send() is given an EmailMessage, and writes it as bytes on the loop:
# the email package copies each line of the body by itself, in Python. Then the bytes are looked through twice by
# regular expressions, for ends of lines and for lines that begin with a period, which hold the interpreter. For an
# attachment of 4 MB nothing else runs for a fifth of a second, though to encode it takes some 25 milliseconds and
# the server on the other side takes it at once. Given bytes instead of the message, the regular expressions remain.
#
# Seen with aiosmtplib 5.1.3, aiosmtpd 1.4.6, Python 3.11, on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check aiosmtplib==5.1.3 aiosmtpd==1.4.6
cat >"$folder/send.py" <<'PY'
"""Send a mail to a server of another process, and see for how long the loop did nothing else."""
import asyncio
import base64
import multiprocessing
import os
import time
from email.message import EmailMessage

import aiosmtplib
from aiosmtpd.smtp import SMTP

CONTENT = os.urandom(4_000_000)


class Sink:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"


def serve(pipe):
    async def serving():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(Sink(), loop=loop), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)

    asyncio.run(serving())


async def longest_gap(work):
    """Processor time of the longest stretch in which this loop did nothing but the work."""
    longest, ended = 0.0, False

    async def watch():
        nonlocal longest
        last = time.thread_time()
        while not ended:
            await asyncio.sleep(0)
            longest, last = max(longest, time.thread_time() - last), time.thread_time()

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await work
    ended = True
    await watching
    return longest


def mail():
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.com", "b@example.com", "A file"
    made.set_content("See the file.")
    made.add_attachment(CONTENT, maintype="application", subtype="octet-stream", filename="a.bin")
    return made


def encoded():
    began = time.thread_time()
    base64.encodebytes(CONTENT)
    return time.thread_time() - began


if __name__ == "__main__":
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,))
    server.start()
    options = {"hostname": "127.0.0.1", "port": ours.recv(), "start_tls": False}
    message = mail()
    whole = asyncio.run(longest_gap(aiosmtplib.send(message, **options)))
    addresses = {"sender": "a@example.com", "recipients": ["b@example.com"]}
    text = asyncio.run(longest_gap(aiosmtplib.send(message.as_bytes(), **addresses, **options)))
    base = min(encoded() for _ in range(5))
    ours.send(None)
    server.join()
    print(f"a message stops the loop for more than 4 times what base64 takes: {whole > 4 * base}")
    print(f"its bytes do for more than 1.5 times that: {text > 1.5 * base}")
    print(f"base64 {base * 1000:.0f} ms, a message {whole * 1000:.0f} ms, its bytes {text * 1000:.0f} ms")
PY
"$folder/venv/bin/python" "$folder/send.py" | tee "$folder/out"
diff <(head -n 2 "$folder/out") - <<'OUT'
a message stops the loop for more than 4 times what base64 takes: True
its bytes do for more than 1.5 times that: True
OUT
