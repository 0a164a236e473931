"""Signing in at other providers by OAuth 2.0 and OpenID Connect, without input and output.

One table says where each provider is and what it answers; one engine says what to send, step by step. Whoever
drives it sends the requests, and gives back the answers.
"""
