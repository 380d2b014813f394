"""Walking tar archives, and what a member's path says."""
