"""How operations are reached: REST over HTTP, as a plain ASGI application."""
