"""Metrics of engines and workers, on the port where Ray exports its own."""
