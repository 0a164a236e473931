"""Connections that this server makes itself, to places that its users name.

Whoever may name an address could make the server call its own neighbours. So the name is resolved
here, each address is checked, and the connection goes to exactly a checked address: a name server that
answers otherwise a moment later gains nothing.
"""
