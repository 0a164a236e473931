"""What the event loop of a process is asked to do, in small pieces, and what realtime counts."""
