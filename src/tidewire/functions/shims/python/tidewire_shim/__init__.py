"""The parts of the server that runs functions in Python. Only the standard library is there."""
