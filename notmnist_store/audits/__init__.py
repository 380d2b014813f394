"""Audits of a store: each a SELECT whose rows are violations, with a verdict on them."""
