"""What a request says of its sender: where from, and with which credentials. Read alike on every wire."""
