"""GraphQL: the operations of the API as fields of a schema.

Importing graphql-core takes a few hundred milliseconds and megabytes that a server without GraphQL clients
does not need: its modules are loaded at the first request.
"""
