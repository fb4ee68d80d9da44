"""The demonstration: a client that plays the whole story through public interfaces only."""
