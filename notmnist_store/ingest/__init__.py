"""From sources into the store."""
