"""REST and event stream routes."""
