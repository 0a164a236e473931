"""The API that clients expect: operations, response models and value lists, and what to hold against them.

``operations.json``, ``models.json`` and ``enums.json`` state facts about the API in the terms used there;
services that Tidewire does not offer yet are left out.
"""
