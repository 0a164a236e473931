"""Screenshots for the services: a few at a time, in turns of those who ask, within bounds."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from tidewire.outbound.guard import Guard
from tidewire.outbound.proxy import GuardedProxy
from tidewire.pictures.places import Places
from tidewire.screenshots.cell import cell_command, missing
from tidewire.screenshots.contract import ScreenshotError, ScreenshotsUnavailableError, Shot
from tidewire.screenshots.devtools import PIECE_BYTES, DevTools
from tidewire.screenshots.taking import take
from tidewire.settings import Settings

_LOOK_SECONDS: Final = 0.2
"""Between two looks at how much memory the browser takes."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")

_log = structlog.get_logger("tidewire.screenshots")


class Screenshots:
    """What takes screenshots in one process, at no cost until the first. Belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(
            settings.screenshots_at_once, settings.pictures_waiting, settings.pictures_waiting_of_caller
        )

    def unavailable(self) -> str:
        """Why there are none here, as a sentence; empty: there are."""
        if not self._settings.screenshots:
            return "This server takes no screenshots: they are switched off (setting screenshots)."
        lacks = missing(self._settings.screenshots_browser)
        return f"This server takes no screenshots: {lacks} is not installed." if lacks else ""

    async def take(self, who: str, shot: Shot) -> bytes:
        """A picture of a page as PNG, when it is the turn of ``who``.

        Raises :class:`ScreenshotError`, and PicturesBusyError if too many wait.
        """
        if reason := self.unavailable():
            raise ScreenshotsUnavailableError(reason)
        async with self._places.taken(who):
            try:
                async with asyncio.timeout(self._settings.screenshots_seconds + shot.sleep):
                    return await self._taken(shot)
            except TimeoutError:
                raise ScreenshotError("it takes too long") from None
            except (OSError, KeyError) as error:
                raise ScreenshotError(f"the browser does not work: {error!r}") from None

    async def _taken(self, shot: Shot) -> bytes:
        settings = self._settings
        guard = Guard(allow_private=False, hosts=settings.avatars_allowed_hosts)
        proxy = GuardedProxy(guard, settings.screenshots_max_bytes)
        with tempfile.TemporaryDirectory(prefix="tidewire-screenshot-") as folder:
            socket = Path(folder, "proxy.sock")
            await proxy.start(socket)
            try:
                async with self._browser(socket) as devtools:
                    return await take(devtools, shot, settings.pictures_max_pixels)
            finally:
                await proxy.close()

    @asynccontextmanager
    async def _browser(self, socket: Path) -> AsyncIterator[DevTools]:
        memory = self._settings.screenshots_memory_bytes
        # The cell is of another user than the socket.
        await asyncio.to_thread(socket.chmod, 0o666)
        command = cell_command(self._settings.screenshots_browser, socket, ("about:blank",), memory)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=PIECE_BYTES,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        watching = asyncio.create_task(self._watch(process, memory))
        devtools = DevTools(process.stdout, process.stdin)
        try:
            yield devtools
        finally:
            watching.cancel()
            with suppress(ProcessLookupError):
                process.kill()  # which ends all in the cell
            await devtools.close()
            await process.wait()

    async def _watch(self, process: asyncio.subprocess.Process, most: int) -> None:
        """End a browser that takes more memory than it may."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if await asyncio.to_thread(_memory, process.pid) > most:
                _log.warning("limit_reached", limit="memory of a screenshot", bytes=most)
                with suppress(ProcessLookupError):
                    process.kill()
                return


def _memory(number: int) -> int:
    """Bytes that a process and all below it have for themselves."""
    total, waiting = 0, [number]
    while waiting:
        process = Path("/proc", str(waiting.pop()))
        with suppress(OSError, ValueError):
            _, resident, shared = (process / "statm").read_text().split()[:3]
            total += (int(resident) - int(shared)) * _PAGE
            for task in (process / "task").iterdir():
                waiting += [int(each) for each in (task / "children").read_text().split()]
    return total
