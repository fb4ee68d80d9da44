"""Controllers of the embedded cluster, one file each."""
