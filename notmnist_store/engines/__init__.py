"""Where the kernels run: on this machine's cores, later on a cluster."""
