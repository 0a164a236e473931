"""Surveys: what all processes of the server know, put together."""
