"""What clients reach: vLLM's OpenAI app, with interceptions."""
