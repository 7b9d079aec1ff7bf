"""`conformance check`: what a DaemonSet of somebody else will do, told from its manifest and the nodes, before any cluster is touched."""
