"""A pytest session of scenarios: its settings, its cluster, and the life of one scenario."""
