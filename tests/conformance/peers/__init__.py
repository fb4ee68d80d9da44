"""The two servers that are compared, and what is needed to compare them."""
