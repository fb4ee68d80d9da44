"""Webhook intake routes."""
