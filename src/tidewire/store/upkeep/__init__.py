"""What is done now and then to what is stored."""
