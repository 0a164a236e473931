"""Projects: what realtime has for each project with connections, put together."""
