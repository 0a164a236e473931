"""What was read from databases, kept while it is current."""
