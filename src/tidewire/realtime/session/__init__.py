"""Sessions: who a connection is, and what its messages do."""
