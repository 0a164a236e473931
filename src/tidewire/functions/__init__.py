"""People's code: builds it and runs it, in a sandbox. Knows nothing of operations, databases or services."""
