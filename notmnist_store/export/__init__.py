"""A split set as the files other programs read."""
