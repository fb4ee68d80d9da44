"""The HTTP server: hooks, API, UI."""
