"""Receivers: connections as matching and fan-out see them, with their subscriptions."""
