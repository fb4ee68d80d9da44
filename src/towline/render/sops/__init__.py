"""Files that SOPS encrypted: found by their metadata, decrypted with age keys, verified."""
