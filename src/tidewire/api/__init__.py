"""The API: how operations are reached by REST over HTTP, as a plain ASGI application."""
