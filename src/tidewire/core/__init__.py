"""The pure language of the domain: no input or output, no other room of Tidewire."""
