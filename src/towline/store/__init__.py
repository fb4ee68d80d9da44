"""SQL store: deliveries, runs, lineage, sessions, log chunks, migrations."""
