"""A split as Arrow, NumPy, batches or for torch."""
