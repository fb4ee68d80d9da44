"""The git edge: hardened child processes, mirrors, object reads, the local forge."""
