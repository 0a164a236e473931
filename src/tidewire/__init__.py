"""Tidewire: a self-hosted realtime backend for unmodified Appwrite SDKs."""

__version__ = "0.1.0"
