"""OCI edge: references, registry mirrors and aliases, registry client, the embedded registry."""
