"""The tables that each revision of the schema had, as SQL."""
