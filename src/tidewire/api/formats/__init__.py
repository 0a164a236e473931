"""Formats of the API: what SDKs of earlier versions say and read differently from those of today.

A program says in ``X-Appwrite-Response-Format`` which version it was made for; the setting
``response_format`` says it for those that do not. What changed with a version stands in one entry of
:mod:`~tidewire.api.formats.table`: the words of parameters and what answers were like before it. An entry
counts for programs of a lower version. Operations know the words and models of today only.
"""
