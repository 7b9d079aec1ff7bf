"""The programs that a cluster is made of: pinned as Go modules, built once, cached, or given by the user."""
