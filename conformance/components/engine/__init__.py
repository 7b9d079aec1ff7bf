"""The container engine: the docker command line as this suite uses it, whether it can be used here, and getting it to work."""
