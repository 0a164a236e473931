"""Roles: what open connections are entitled to, which follows the event log."""
