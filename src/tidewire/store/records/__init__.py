"""The SQL of the system tables, one module for each subject."""
