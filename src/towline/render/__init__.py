"""File tree to manifests, pure."""
