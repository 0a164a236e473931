"""Pictures: rendered from stored ones, or drawn, by processes of their own with bounds on all they use.

Decoders of pictures are large, written in C, and fed by strangers. So no picture is opened in a process that
serves: workers do it, which have no secrets, little memory and little time, and are ended when they go
beyond. They are started at the first need.
"""
