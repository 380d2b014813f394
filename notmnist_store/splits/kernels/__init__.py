"""Which image goes where, and which of a leak stays."""
