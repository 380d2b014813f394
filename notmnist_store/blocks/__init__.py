"""Members become blocks of rows: decode, hash, write, and name what stands in them."""
