"""Argo CD's resources and configuration formats, pure: types, defaults, validation, status."""
