"""Functions over HTTP, on a server that really builds and runs them."""
