"""Custom channels."""
