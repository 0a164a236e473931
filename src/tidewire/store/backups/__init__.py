"""Backups of a data directory: how they are made and put back.

:mod:`making` copies what belongs to an instance to a target, a directory (:mod:`runs`) or one file
(:mod:`archive`); :mod:`restoring` makes a data directory of it. What a backup holds is written in its
:mod:`manifest`.
"""
