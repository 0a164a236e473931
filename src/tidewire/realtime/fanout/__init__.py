"""Fan-out: events to the sockets of all their receivers."""
