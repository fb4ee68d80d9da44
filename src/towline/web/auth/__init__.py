"""Accounts, sessions, login limits."""
