"""What a scenario holds in its hands; scenarios import only what the package `conformance` exports."""
