"""A server on this machine, or an application on a cluster, from a file of ``serve deploy``."""
