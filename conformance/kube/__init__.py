"""The API as this suite uses it: raw JSON requests, list + watch, narrow records, manifests."""
