"""Towline: from `git push` to healing pods, as one product."""

__version__ = "0.1.0"
