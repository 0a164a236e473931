"""Wires: WebSocket and Server-Sent Events, from bytes to messages and back."""
