"""Screenshots of pages, taken by a browser that sees nothing of this machine and of its network.

A picture costs a process of Chromium, started for it alone and ended with it.
"""
