"""How processes learn of each other's commits."""
