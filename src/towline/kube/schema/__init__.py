"""Schemas of served kinds: defaults, pruning, validation, custom resources."""
