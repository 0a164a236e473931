"""Work that holds the interpreter, done by a process of this program's own that is started for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Collection
from typing import Final

_PASSED_ON: Final = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The environment of the process: nothing of the server's that may hold secrets."""


class OwnProcessError(OSError):
    """A process that could not be started, or did not end in time."""


async def ask_process(
    module: str, order: bytes, seconds: float, descriptors: Collection[int] = ()
) -> tuple[int, bytes]:
    """Run ``python -m module`` with the order on its standard input; its exit code, and what it wrote.

    It inherits the ``descriptors``, and is killed after so many seconds and when the caller is cancelled.
    Starting it takes a few tenths of a second. Raises :class:`OwnProcessError`.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(descriptors),
            env=environment,
            cwd="/",
        )
    except OSError as error:
        raise OwnProcessError(f"no process can be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(seconds):
            written, _ = await process.communicate(order)
    except TimeoutError:
        raise OwnProcessError(f"it took more than {seconds:.0f} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, written
