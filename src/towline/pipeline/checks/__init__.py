"""Checks of pipeline files: each looks at one node at a time and adds findings. Pure."""
