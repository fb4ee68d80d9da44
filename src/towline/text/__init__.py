"""Languages, pure: text in, values out. No I/O."""
