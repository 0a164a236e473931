"""Transactions: operations on rows that are staged, and then done all together or not at all."""
