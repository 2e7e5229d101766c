"""Doors: the command line and Python. Thin: each turns what its user has into settings, and calls the same rooms."""
