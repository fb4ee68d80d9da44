"""Declarative pipelines: `pipeline { }` read into a model, checked, and run. Pure."""
