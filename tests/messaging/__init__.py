"""Messaging over real HTTP: what is kept, who may do what, and what is delivered."""
