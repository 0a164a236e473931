"""Presence: who is on the custom channels, and the presences that users set."""
