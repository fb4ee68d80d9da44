"""Server-side apply: field sets, managers, structured merge."""
