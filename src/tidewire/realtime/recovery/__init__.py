"""Recovery: what connections have missed, and how far each has got."""
