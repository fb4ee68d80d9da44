"""Argo CD's resources and formats: names, types, defaults, validation, status shapes. Pure."""
