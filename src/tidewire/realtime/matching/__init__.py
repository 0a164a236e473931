"""Matching: which subscriptions get an event."""
