"""Custom channels: publishing on them by the rules of the project, the same for REST and for sockets."""

from tidewire.channels.publishing import Channels, Draft, Publisher, Receipt

__all__ = ["Channels", "Draft", "Publisher", "Receipt"]
