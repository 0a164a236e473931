"""Custom channels: who may publish what, how often, and where it goes; for REST and the socket alike."""

from tidewire.channels.publishing import Channels, Draft, Publisher, Receipt

__all__ = ["Channels", "Draft", "Publisher", "Receipt"]
