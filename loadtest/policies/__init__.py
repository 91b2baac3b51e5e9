"""Policies and vLLM's own scheduler on a real engine, under the same arrivals."""
