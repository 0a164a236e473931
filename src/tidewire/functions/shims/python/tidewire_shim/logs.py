"""Logs of a request go to the engine as they are written, one JSON object in a line, through a pipe."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextvars import ContextVar
from io import TextIOBase
from threading import Lock
from typing import Optional, TextIO

MAX_CHARACTERS = 8000
MAX_BYTES = 5 * 1024 * 1024
"""Of the logs, and of the errors, of one request."""
NATIVE = "Native logs detected. Use context.log() or context.error() for better experience."

current: ContextVar[Optional[Log]] = ContextVar("log", default=None)  # noqa: UP045 - older Pythons run it
"""The log of the request that is being worked on."""


def _shown(message: object) -> str:
    if isinstance(message, BaseException):
        return "".join(traceback.format_exception(type(message), message, message.__traceback__))
    if isinstance(message, (list, dict, tuple)):
        try:
            return json.dumps(message, separators=(",", ":"))
        except (TypeError, ValueError):
            return repr(message)
    return str(message)


def _shortened(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}... Log truncated due to size limit ({MAX_CHARACTERS} characters)"


class Log:
    """The logs and errors of one request."""

    descriptor = -1
    _lock = Lock()

    def __init__(self, log_id: str, enabled: bool) -> None:
        self.id = log_id
        self.enabled = enabled
        self._sent = {"log": 0, "error": 0}
        self._line = ""
        self._native = False

    def write(self, kind: str, messages: tuple[object, ...]) -> None:
        if not self.enabled or self._sent[kind] > MAX_BYTES:
            return
        text = _shortened(" ".join(map(_shown, messages)))
        line = memoryview(json.dumps({"id": self.id, "kind": kind, "text": text}).encode() + b"\n")
        self._sent[kind] += len(line)
        with self._lock:
            while line:
                line = line[os.write(self.descriptor, line) :]

    def native(self, text: str) -> None:
        """Takes what the code printed; lines are written as they become whole."""
        if not self.enabled:
            return
        if not self._native:
            self._native = True
            self.write("log", (NATIVE,))
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self.write("log", (line,))
        if len(self._line) > MAX_CHARACTERS:
            self._flush()

    def end(self) -> None:
        self._flush()
        self.enabled = False

    def _flush(self) -> None:
        if self._line:
            self.write("log", (self._line,))
            self._line = ""


class _Captured(TextIOBase):
    def __init__(self, usual: TextIO) -> None:
        self._usual = usual

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._usual.fileno()

    def write(self, text: str) -> int:
        log = current.get()
        if log is None:
            return self._usual.write(text)
        log.native(text)
        return len(text)

    def flush(self) -> None:
        self._usual.flush()


def capture_native_logs(descriptor: int) -> None:
    """What is printed while a request is worked on becomes part of its logs."""
    Log.descriptor = descriptor
    sys.stdout = _Captured(sys.stdout)
    sys.stderr = _Captured(sys.stderr)
