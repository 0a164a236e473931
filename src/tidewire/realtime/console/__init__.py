"""The console: what only connections to its project get."""
