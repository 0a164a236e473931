"""How the file of a request is stored, found out before anything of it is read: so it is written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tidewire.api.multipart import PartWriter
from tidewire.core.operations import Operation
from tidewire.core.uploads import ContentRange
from tidewire.settings import Settings
from tidewire.store.instance.instance import ProjectStore


async def writer_for(
    operation: Operation,
    values: Mapping[str, str],
    store: ProjectStore,
    settings: Settings,
    place: ContentRange | None,
    announced: int,
) -> Callable[[], PartWriter]:
    """What opens a writer for a file, as the operation wants it stored.

    Larger files than ``files_coded_max_bytes`` are stored as they are. The size of one that comes whole is
    judged by the ``announced`` bytes of the body; one that is not announced counts as small.
    """
    rule = operation.storing
    size = place.total if place is not None else announced
    if rule is None or size > settings.files_coded_max_bytes:
        return store.objects.writer
    storing = await store.database.read(lambda connection: rule(connection, values))
    return partial(store.objects.writer, storing)
