"""The rules, by what they look at; `catalogue` knows them all."""
