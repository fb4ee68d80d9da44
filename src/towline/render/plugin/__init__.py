"""Config-management plugins: what they declare, what they apply to, what they are given."""
