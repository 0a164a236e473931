"""One running instance: its data directory, the platform and the databases of its projects."""
