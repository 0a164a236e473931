"""Lists of resources: REST list queries as SQL."""
