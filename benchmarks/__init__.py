"""Measurements of a Tidewire server beside its peers, on one machine, in one run."""
