"""The record of everything that was seen and done: recorder, entries, store, world."""
