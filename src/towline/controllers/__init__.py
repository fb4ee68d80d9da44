"""Reconcilers that join edges and the pure core."""
