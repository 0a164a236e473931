"""Events of the messaging service."""

from __future__ import annotations

from typing import Final

PROVIDER_CREATED: Final = "providers.[providerId].create"
PROVIDER_UPDATED: Final = "providers.[providerId].update"
PROVIDER_DELETED: Final = "providers.[providerId].delete"
TOPIC_CREATED: Final = "topics.[topicId].create"
TOPIC_UPDATED: Final = "topics.[topicId].update"
TOPIC_DELETED: Final = "topics.[topicId].delete"
SUBSCRIBER_CREATED: Final = "topics.[topicId].subscribers.[subscriberId].create"
SUBSCRIBER_DELETED: Final = "topics.[topicId].subscribers.[subscriberId].delete"
MESSAGE_CREATED: Final = "messages.[messageId].create"
MESSAGE_UPDATED: Final = "messages.[messageId].update"
MESSAGE_DELETED: Final = "messages.[messageId].delete"
