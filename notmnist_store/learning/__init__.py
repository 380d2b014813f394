"""What a split set teaches: baselines, the price of leaks, suspect labels."""
