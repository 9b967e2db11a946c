"""Carries conversations between files and the store: our own JSON and JSONL both ways, other programs' in."""
