"""The radius join, its independent check, and groups."""
