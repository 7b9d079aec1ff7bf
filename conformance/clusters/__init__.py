"""Clusters: what every provider gives, and the providers."""
