"""A store's history and health."""
