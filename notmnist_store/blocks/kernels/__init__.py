"""From the bytes of members to record batches of images and rejects."""
