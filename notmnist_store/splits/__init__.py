"""Split sets: made by a recipe, or of another without its leaks."""
