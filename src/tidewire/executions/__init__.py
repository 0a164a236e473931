"""Functions at work: builds of deployments, and executions that nobody waits for.

What is to be done stands in the databases of the projects; one process of a data directory does it.
"""
