"""What parameters of operations accept, a class a check (:class:`tidewire.core.parameters.Check`)."""
