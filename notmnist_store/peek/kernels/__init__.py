"""Which of many pairs to show."""
