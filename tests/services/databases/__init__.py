"""Databases: tables, rows and queries on them."""
