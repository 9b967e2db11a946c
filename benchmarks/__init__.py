"""Measures the real program in a pseudo-terminal, against token servers of its own on loopback.

Run it with `make bench-quick` (under five minutes) or `make bench`. Figures of a busy machine mean little by
themselves: each row says how busy it was, and start and echo stand beside a bare Textual app measured in the same
run. Nothing here is imported by the program.
"""
