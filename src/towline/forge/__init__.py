"""Forge edge: verify and parse webhooks of GitHub and others."""
