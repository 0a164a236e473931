"""The machine that a data directory is on: its disk, memory and processes."""
