"""Looking at images."""
