"""Where files are: on this machine, or in a bucket."""
