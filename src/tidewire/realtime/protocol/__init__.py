"""The protocol: what clients and the server say to each other, as data."""
