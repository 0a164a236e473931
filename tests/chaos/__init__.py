"""Gapless delivery while network and server fail at random: ``make chaos``, and smaller in the suite.

Real clients (JavaScript SDKs of two generations in Node and in Chromium, the Python client, and readers of
Server-Sent Events) subscribe through a proxy that cuts their connections in several ways while rows are
written and the server is killed and started again. In the end what each client received is compared with the
event log.
"""
