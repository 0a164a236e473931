"""The hub: the connections of one project, and the way of its events to them."""
