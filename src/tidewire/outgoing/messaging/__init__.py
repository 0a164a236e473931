"""Messages of the messaging service: read from the queue in batches, and carried by providers of projects."""
