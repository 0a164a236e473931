"""The services of databases: tables with rows, collections with documents old and new, and with vectors."""
