"""Revision log on SQLite with group commit; the in-memory view that serves reads."""
