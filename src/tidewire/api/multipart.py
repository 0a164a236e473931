"""Forms of type ``multipart/form-data``: fields into memory, the file straight into object storage."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlencode

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from tidewire.api.bodies import RequestParameters, from_query
from tidewire.api.body_budget import BodyLease
from tidewire.api.content_range import invalid_content_range
from tidewire.api.requests import Request, too_large
from tidewire.core.errors import TidewireError
from tidewire.core.uploads import ContentRange, Upload
from tidewire.store.objects.writing import StoredObject

MAX_PARTS: Final = 512
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 8192
MAX_FIELD_BYTES: Final = 1024 * 1024
"""Bytes of all fields of a form together, without the headers of its parts."""
FORM_BYTES: Final = 256 * 1024
"""Bytes that a form may hold in buffers while it arrives, and the step in which more of its fields are
counted."""
MAX_FILE_NAME: Final = 255
"""Characters of a file name."""

_CONTROL_CHARACTERS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class PartWriter(Protocol):
    """The destination of the file: an object in storage that exists once ``finish`` has returned."""

    async def write(self, data: bytes, /) -> None: ...
    async def finish(self) -> StoredObject: ...
    async def abort(self) -> None: ...


@dataclass(frozen=True)
class FileRules:
    """The file that a form may carry."""

    field: str
    """Name of the part that holds the file."""
    limit: int
    """Bytes of the largest file."""
    range: ContentRange | None
    upload_id: str | None


@dataclass(frozen=True)
class Form:
    """A form that arrived completely.

    The object of its ``upload`` is stored: who gets the form sees to it that the object becomes part of
    a file or is deleted.
    """

    fields: RequestParameters
    """Text, but for what may be any bytes."""
    upload: Upload | None


class Destination(NamedTuple):
    """The destination of a form: where its contents go."""

    rules: FileRules | None
    """The rules for its file; None: the form carries no file."""
    open_writer: Callable[[], PartWriter]
    binary: Mapping[str, int] = MappingProxyType({})
    """Names of the fields that may be any bytes, and how many each has at most."""


Decide = Callable[[Mapping[str, str]], Awaitable[Destination]]
"""Finds out where the file goes, from the fields that come before it."""


def boundary_of(content_type: str) -> str:
    """The boundary in a ``Content-Type`` header."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not 1 <= len(boundary) <= 256:
        raise TidewireError("general_argument_invalid", "The multipart body has no boundary.")
    return str(boundary)


async def receive_form(
    request: Request, destination: Destination, lease: BodyLease, decide: Decide | None = None
) -> Form:
    """Receive a form while it arrives; if anything fails, nothing of its file remains stored.

    What is in memory of it counts for ``lease``. ``decide`` replaces the destination when a file comes.
    """
    receiver = _Receiver(request, destination, lease, decide)
    try:
        return await receiver.run()
    except BaseException:
        await receiver.abort()
        raise


class _Receiver:
    """One form on its way in."""

    def __init__(
        self, request: Request, destination: Destination, lease: BodyLease, decide: Decide | None
    ) -> None:
        self._request = request
        self._lease = lease
        self._decide = decide
        self._set(destination)
        self._fields: list[tuple[str, str]] = []
        self._contents: dict[str, bytes] = {}
        """Of the fields that may be any bytes."""
        self._field_bytes = 0
        self._writer: PartWriter | None = None
        self._file: MultipartSegment | None = None
        self._part: MultipartSegment | None = None
        self._text = bytearray()

    def _set(self, destination: Destination) -> None:
        rules = destination.rules
        self._rules = rules
        self._open_writer = destination.open_writer
        self._file_limit = 0
        if rules:
            self._file_limit = rules.range.end + 1 - rules.range.start if rules.range else rules.limit
        self._binary = destination.binary
        self._field_limit = MAX_FIELD_BYTES + sum(self._binary.values())
        self._body_limit = self._file_limit + self._field_limit + MAX_PARTS * MAX_PART_HEADER_BYTES

    async def run(self) -> Form:
        if self._request.content_length > self._body_limit:
            raise self._file_too_large()
        await self._lease.take(min(self._request.content_length or FORM_BYTES, FORM_BYTES))
        try:
            await self._receive()
        except MultipartError as error:
            raise TidewireError(
                "general_argument_invalid", f"The multipart body cannot be read: {error}"
            ) from None
        fields = from_query(urlencode(self._fields).encode())
        if self._contents:
            fields = RequestParameters({**fields.values, **self._contents}, textual=True)
        return Form(fields, await self._finish_file())

    async def abort(self) -> None:
        if self._writer is not None:
            await self._writer.abort()

    async def _receive(self) -> None:
        parser = PushMultipartParser(
            boundary_of(self._request.header(b"content-type")),
            max_header_size=MAX_PART_HEADER_BYTES,
            max_header_count=MAX_PART_HEADERS,
            max_segment_count=MAX_PARTS,
        )
        size = 0
        async for piece in self._request.body_pieces():
            size += len(piece)
            if size > self._body_limit:
                raise self._file_too_large()
            for event in parser.parse(piece):
                if isinstance(event, MultipartSegment):
                    await self._begin(event)
                elif event is None:
                    self._end()
                else:
                    await self._add(bytes(event))
        parser.close()

    async def _begin(self, part: MultipartSegment) -> None:
        self._part = part
        if part.filename is not None and self._decide is not None:
            self._set(await self._decide(dict(self._fields)))
            self._decide = None
        if self._rules and part.filename is not None and part.name == self._rules.field:
            if self._file is not None:
                raise TidewireError("general_argument_invalid", f'There is more than one file "{part.name}".')
            self._file = part
            self._writer = self._open_writer()
        elif part.filename is not None and self._rules is None and part.name not in self._binary:
            raise TidewireError("general_argument_invalid", f'The operation takes no file "{part.name}".')

    async def _add(self, data: bytes) -> None:
        part = self._part
        assert part is not None
        if self._file is not None and part is self._file:
            assert self._writer is not None
            if part.bytes_received > self._file_limit:
                raise self._file_too_large()
            await self._writer.write(data)
        elif part.filename is None or part.name in self._binary:
            self._field_bytes += len(data)
            if self._field_bytes > self._field_limit:
                raise too_large(f"A form has at most {self._field_limit} bytes of fields.")
            if self._field_bytes > self._lease.size:
                await self._lease.take(FORM_BYTES)
            self._text += data

    def _end(self) -> None:
        part = self._part
        assert part is not None
        if part.name in self._binary:
            self._contents[part.name] = bytes(self._text)
        elif part.filename is None and part.name:
            try:
                self._fields.append((part.name, self._text.decode()))
            except UnicodeDecodeError:
                raise TidewireError(
                    "general_argument_invalid", "The fields of a form must be UTF-8."
                ) from None
        self._text = bytearray()

    async def _finish_file(self) -> Upload | None:
        rules, part = self._rules, self._file
        if rules is None or self._decide is not None:  # no file came
            return None
        if part is None or self._writer is None or not (part.filename or part.bytes_received):
            raise missing_file()
        if rules.range and part.bytes_received != self._file_limit:
            raise invalid_content_range("The chunk is not as long as its Content-Range says.")
        name = file_name(part.filename or "")
        stored = await self._writer.finish()
        self._writer = None
        return Upload(
            name=name,
            key=stored.key,
            size=stored.size,
            md5=stored.md5,
            head=stored.head,
            compression=stored.compression,
            sealed_key=stored.sealed_key,
            stored_size=stored.stored_size,
            range=rules.range,
            upload_id=rules.upload_id,
        )

    def _file_too_large(self) -> TidewireError:
        if self._rules is None:
            return too_large(f"A form without a file has at most {self._body_limit} bytes.")
        if self._rules.range:
            return invalid_content_range("The chunk is longer than its Content-Range says.")
        return too_large(f"A file has at most {self._rules.limit} bytes.")


def missing_file() -> TidewireError:
    """The error for an upload without a file."""
    return TidewireError("storage_file_empty", "The request has no file.")


def file_name(name: str) -> str:
    """The last part of a path that a client sent as the name of its file, without control characters."""
    name = _CONTROL_CHARACTERS.sub("", re.split(r"[/\\]", name)[-1]).strip()
    if len(name) > MAX_FILE_NAME:
        raise TidewireError(
            "general_argument_invalid", f"A file name has at most {MAX_FILE_NAME} characters."
        )
    return "file" if name in {"", ".", ".."} else name
