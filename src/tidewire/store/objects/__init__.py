"""Object storage: the content of files."""
