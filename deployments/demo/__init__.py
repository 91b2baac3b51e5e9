"""Six kinds of interceptions, shown to a person: ``infercept demo``."""
