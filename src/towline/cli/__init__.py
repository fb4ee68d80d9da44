"""Command line: one lazily loaded module per command."""
