"""The local outbox: messages that nothing carries, as files that a developer can read."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Final

KEPT: Final = 1000
"""Messages; the oldest give way."""
_PRUNE_STEP: Final = 50
_NAME: Final = re.compile(r"[0-9]{13}-[A-Za-z0-9._-]{1,36}-[0-9]{1,19}\.eml")


@dataclass(frozen=True)
class KeptMessage:
    """A message of the outbox."""

    name: str
    """The name of its file; names sort by age."""
    created_at: int
    """Milliseconds since the epoch."""
    message: EmailMessage


class Outbox:
    """The directory ``outbox`` of a data directory; only its owner may read the links and codes there."""

    def __init__(self, data_dir: str) -> None:
        self.directory = Path(data_dir) / "outbox"

    async def put(self, created_at: int, project_id: str, sequence: int, message: EmailMessage) -> None:
        """Keep a message; putting the same one again changes nothing."""
        name = f"{created_at:013d}-{project_id}-{sequence}.eml"
        await asyncio.to_thread(self._write, name, message.as_bytes(policy=policy.SMTP))

    def newest(self, limit: int) -> list[KeptMessage]:
        """The latest messages, the newest first. Blocks."""
        names = sorted(self._names(), reverse=True)[:limit]
        return [kept for name in names if (kept := self.find(name)) is not None]

    def find(self, name: str) -> KeptMessage | None:
        """The message in the file called ``name``, whatever the text is. Blocks."""
        if not _NAME.fullmatch(name):
            return None
        try:
            content = (self.directory / name).read_bytes()
        except FileNotFoundError:
            return None
        return KeptMessage(name, int(name[:13]), message_from_bytes(content, policy=policy.default))

    def forget(self, project_id: str, addresses: frozenset[str]) -> None:
        """Delete the messages of a project to one of these addresses, in lower case. Blocks."""
        for name in self._names():
            if name[14:].rpartition("-")[0] != project_id or (kept := self.find(name)) is None:
                continue
            to = [address.lower() for _, address in getaddresses(map(str, kept.message.get_all("To", [])))]
            if not addresses.isdisjoint(to):
                (self.directory / name).unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        unfinished = self.directory / f"{name}.new"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        unfinished.rename(self.directory / name)
        self._prune()

    def _prune(self) -> None:
        names = self._names()
        if len(names) > KEPT + _PRUNE_STEP:
            for name in sorted(names)[: len(names) - KEPT]:
                (self.directory / name).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        try:
            return [file.name for file in self.directory.iterdir() if _NAME.fullmatch(file.name)]
        except FileNotFoundError:
            return []
