"""API keys: how they look, what is stored of them, and where."""
