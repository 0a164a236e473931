"""The SQLite engine: one file in WAL mode for each project."""
