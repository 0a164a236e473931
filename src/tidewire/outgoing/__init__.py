"""What leaves the server once a change is committed: mails, text messages, webhooks.

Everything to be delivered stands in a project's database until it was, so that a stop or crash at any
moment loses nothing; it may be delivered twice then. Of the processes on a data directory one delivers.
"""
