"""`conformance check --live`: what a manifest was said to do is done on a real control plane, with nodes like those at hand, and judged."""
