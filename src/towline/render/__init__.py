"""From a file tree to manifests. Pure: the tree is handed in, what was read is handed back."""
