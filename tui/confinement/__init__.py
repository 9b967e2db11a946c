"""Confidential mode as a property of the process: it reaches the model on this machine, and nothing else.

What belongs here: the cleaned environment, the restart into it, the kernel's barriers, the broker that hands in
connected sockets, and the guard that refuses what Python code tries. What must stay true: only the standard library
is imported, because all of this happens before anything else is loaded; and no layer relies on another one.

The layers, from the outside in: the kernel (`barrier`: a network namespace of its own, else a filter of system
calls), the process (`process`: no core dump, no debugger), the guard (`guard`: Python's audit events). What the door
of the backends checks comes on top and is none of this package's business.

Nothing is imported here: the ordinary program needs the guard alone, and pays for no more before its first paint.
"""
