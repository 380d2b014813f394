"""Spark: the same SQL and the same kernels on a cluster, through Spark Connect."""
