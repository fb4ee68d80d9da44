"""Worker processes: renders beside the event loop, without network, bounded, killed on limits."""
