"""Secrets: the file that holds them, keys derived from them, what is sealed and signed with them."""
