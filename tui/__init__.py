"""Draws what it is told, and owns the command line and all wiring."""
