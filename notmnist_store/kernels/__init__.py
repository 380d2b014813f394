"""Pure functions from arrays or record batches to arrays or record batches; no I/O."""
