"""What people decide about pictures."""
