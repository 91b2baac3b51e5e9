"""Whether this machine can serve a configuration, and what to do if it cannot."""
