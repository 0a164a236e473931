"""Setting projects up and managing them, over HTTP."""
