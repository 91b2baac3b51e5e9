"""What iterations and copies take on this machine, measured: ``infercept profile``."""
