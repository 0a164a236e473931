"""The texts of the mails and text messages that people get, ready to be sent.

Mails to users are of a few kinds (:mod:`~tidewire.services.messages.mails`); a project may replace their
texts by templates. The words of each language are in a file (:mod:`~tidewire.services.messages.languages`),
apart from how a mail looks (:mod:`~tidewire.services.messages.pages`) and from how values get into it
(:mod:`~tidewire.services.messages.filling`).
"""
