"""The claims: documented sentences as data, and the registry that reads them."""
