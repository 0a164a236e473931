"""The events of the storage service."""

from __future__ import annotations

from typing import Any, Final

from tidewire.core.channels import Parent
from tidewire.core.models import Bucket, File
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction

BUCKET_CREATED: Final = "buckets.[bucketId].create"
BUCKET_UPDATED: Final = "buckets.[bucketId].update"
BUCKET_DELETED: Final = "buckets.[bucketId].delete"
FILE_CREATED: Final = "buckets.[bucketId].files.[fileId].create"
FILE_UPDATED: Final = "buckets.[bucketId].files.[fileId].update"
FILE_DELETED: Final = "buckets.[bucketId].files.[fileId].delete"


def publish_bucket(transaction: Transaction, context: Context, pattern: str, bucket: Bucket) -> Bucket:
    """Write the event of a bucket, which realtime clients do not get, and return the bucket."""
    publish(transaction, context, pattern, {"bucketId": bucket.id}, bucket)
    return bucket


def publish_file(
    transaction: Transaction, context: Context, pattern: str, bucket: Row[Any], file: File
) -> File:
    """Write the event of a file, for those who may read it, and return the file."""
    parent = Parent(bucket.permissions, bucket.file_security)
    publish(transaction, context, pattern, {"bucketId": bucket.id, "fileId": file.id}, file, parent)
    return file
