"""The engine: what a store of rows and events promises, whichever database keeps them."""
