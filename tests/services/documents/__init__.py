"""Collections of documents and of vectors."""
