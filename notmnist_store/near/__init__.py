"""Near copies: the exact search, its certificate, groups and components."""
