"""The Serve deployment of the engine: vLLM's, from our configuration, and what watches it."""
