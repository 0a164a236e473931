"""Users' own tables: real SQL tables with real columns and indexes, in the database of their project.

* :mod:`~tidewire.store.user_tables.tables`, ``columns``: what is known of a table
* :mod:`~tidewire.store.user_tables.loading`: finding it; it is kept between requests
* :mod:`~tidewire.store.user_tables.changes`: tables, columns and indexes made, changed and dropped
* :mod:`~tidewire.store.user_tables.queries`, ``filters``: lists of rows as SQL, compiled once per shape
* :mod:`~tidewire.store.user_tables.rows`: rows written and found
* :mod:`~tidewire.store.engine.sqlite.functions`: what SQLite is taught for that
"""
