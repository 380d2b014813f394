"""Where images come from: archives, folders, arrays, the web."""
