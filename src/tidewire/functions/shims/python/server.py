"""Answers HTTP/1.1 by a person's function. Started as

    python server.py LISTENING_FD LOG_FD LIFE_FD FOLDER [RELAY_PORT RELAY_SOCKET]

with OPEN_RUNTIMES_ENTRYPOINT and OPEN_RUNTIMES_SECRET in the environment; docs/rooms/functions.md says more.
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import inspect
import json
import os
import site
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tidewire_shim.context import Answer, Context, Request
from tidewire_shim.logs import Log, capture_native_logs, current
from tidewire_shim.wire import Wire, encode

INTERNAL = "x-open-runtimes-"
OF_THE_CONNECTION = {"connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
"""They describe the connection, which is the engine's: what a function says of them would break it."""


class NotLoadableError(Exception):
    """The code is not there, cannot be imported, or has no ``main``."""


class Server:
    """Calls the function in ``folder``, whose file is the environment's entrypoint."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._entrypoint = os.environ.get("OPEN_RUNTIMES_ENTRYPOINT", "")
        self._secret = os.environ.get("OPEN_RUNTIMES_SECRET", "").encode()
        enforced = json.loads(os.environ.get("OPEN_RUNTIMES_HEADERS") or "{}")
        self._enforced = {str(name).lower(): str(value) for name, value in enforced.items()}
        self._main: Callable[[Context], Any] | None = None
        package = ModuleType("function")
        package.__path__ = [folder]
        sys.modules["function"] = package

    async def handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        """Answer one request, whatever the function does."""
        log_id = headers.get(f"{INTERNAL}log-id", "")
        internal = {f"{INTERNAL}log-id": log_id}
        if not hmac.compare_digest(headers.get(f"{INTERNAL}secret", "").encode(), self._secret):
            text = f'Unauthorized. Provide correct "{INTERNAL}secret" header.'
            return encode(500, {**internal, "content-type": "text/plain; charset=utf-8"}, text.encode())
        seconds = headers.get(f"{INTERNAL}timeout", "900")
        if not seconds.isdigit() or int(seconds) == 0:
            text = f'Header "{INTERNAL}timeout" must be an integer greater than 0.'
            return encode(500, {**internal, "content-type": "text/plain; charset=utf-8"}, text.encode())
        log = Log(log_id, headers.get(f"{INTERNAL}logging") != "disabled")
        shown = {name: value for name, value in headers.items() if not name.startswith(INTERNAL)}
        shown.update(self._enforced)
        context = Context(Request(method, target, shown, body), log.write)
        current.set(log)
        answer = await self._outcome(context, int(seconds))
        try:
            return _encoded(answer, internal)
        except Exception as error:
            context.error(error)
            return _encoded(context.res.text("", 500), internal)
        finally:
            log.end()

    async def _outcome(self, context: Context, seconds: int) -> Any:
        try:
            answer = (self._main or self._load())(context)
            if inspect.isawaitable(answer):
                task = asyncio.ensure_future(answer)
                await asyncio.wait({task}, timeout=seconds)
                if not task.done():
                    task.cancel()
                    context.error("Execution timed out.")
                    return context.res.text("", 500)
                answer = task.result()
        except NotLoadableError as error:
            context.error(str(error))
            return context.res.text("", 503)
        except (Exception, asyncio.CancelledError):
            context.error(traceback.format_exc())
            return context.res.text("", 500)
        if answer is None:
            context.error("Return statement missing. return context.res.empty() if no response is expected.")
            return context.res.text("", 500)
        return answer

    def _load(self) -> Callable[[Context], Any]:
        if not (self._folder / self._entrypoint).is_file():
            raise NotLoadableError(f"Failed to load entrypoint, file {self._entrypoint} does not exist.")
        name = self._entrypoint.removesuffix(".py")
        try:
            module = importlib.import_module("function." + name.strip("./").replace("/", "."))
        except BaseException:
            raise NotLoadableError(traceback.format_exc()) from None
        main = getattr(module, "main", None)
        if not callable(main):
            raise NotLoadableError("Function signature invalid. Did you forget to export a 'main' function?")
        self._main = cast("Callable[[Context], Any]", main)
        return self._main


def _encoded(answer: Answer, internal: dict[str, str]) -> bytes:
    body = answer.get("body", b"")
    if not isinstance(body, (bytes, bytearray, memoryview)):
        text = json.dumps(body) if isinstance(body, (dict, list)) else str("" if body is None else body)
        body = text.encode()
    headers = {}
    for name, value in (answer.get("headers") or {}).items():
        lower = str(name).lower()
        if not lower.startswith(INTERNAL) and lower not in OF_THE_CONNECTION:
            headers[lower] = str(value)
    content_type = headers.get("content-type", "text/plain")
    plain = content_type.lower()
    if not plain.startswith("multipart/") and "charset=" not in plain:
        content_type += "; charset=utf-8"
    headers["content-type"] = content_type
    return encode(int(answer.get("statusCode", 200)), {**headers, **internal}, bytes(body))


async def _relay(inside: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    outside, far = await asyncio.open_unix_connection(path)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
            target.write_eof()

    await asyncio.gather(copy(inside, far), copy(outside, writer))
    far.close()
    writer.close()


async def _serve_relay(listener: socket.socket, path: str) -> None:
    await asyncio.start_server(lambda reader, writer: _relay(reader, writer, path), sock=listener)
    await asyncio.Event().wait()


def _end_with_the_engine(life: int) -> None:
    """End when whoever started this is no more: nothing is ever written to ``life``, it only ends."""
    with suppress(OSError):
        os.read(life, 1)
    os._exit(0)


async def _serve(descriptors: list[int], folder: str, *relay: str) -> None:
    listening, log, life = descriptors
    threading.Thread(target=_end_with_the_engine, args=(life,), daemon=True).start()
    capture_native_logs(log)
    server = Server(folder)
    loop = asyncio.get_running_loop()
    if relay:  # In a thread: a function that is not asynchronous calls the API too.
        inside = socket.create_server(("127.0.0.1", int(relay[0])))
        threading.Thread(target=asyncio.run, args=(_serve_relay(inside, relay[1]),), daemon=True).start()
    listener = socket.socket(fileno=listening)
    await loop.create_unix_server(lambda: Wire(server.handle), sock=listener)
    await asyncio.Event().wait()


if __name__ == "__main__":
    program, *arguments = sys.argv
    sys.path[0] = arguments[3]
    # What the build installed: its folder is the same for all that Tidewire runs.
    packages = "runtime-env/lib/python{}.{}/site-packages".format(*sys.version_info)
    if os.path.isdir(os.path.join(arguments[3], packages)):  # noqa: PTH112, PTH118 - the fastest
        site.addsitedir(os.path.join(arguments[3], packages))  # noqa: PTH118
    asyncio.run(_serve([int(each) for each in arguments[:3]], *arguments[3:]))
