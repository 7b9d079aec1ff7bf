"""The score of the suite: defects planted into the real controller, one at a time, and what noticed each of them.

One binary holds all defects, each behind a switch that the program's own name sets. Nothing of the controller's source is stored here:
operators find the places (`golang/rewrite`), and a defect is known by function, operator and a digest of the code that it changes.
"""
