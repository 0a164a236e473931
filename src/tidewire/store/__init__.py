"""SQL and files: databases, schema and migrations, the event log, object storage."""
