"""Comparison, sync planning, health, tracking and projects, pure."""
