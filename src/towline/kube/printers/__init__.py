"""Table cells of the kinds, one small function each. Pure."""
