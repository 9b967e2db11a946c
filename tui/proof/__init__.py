"""The proof that nothing leaves: a child under the layers of confidential mode tries the ways out that are known.

What belongs here: the ways (`python_ways`, `library_ways`, `lower_ways`), the child that tries them (`__main__`), and
the process outside that starts it and listens (`run`). What must stay true: a way counts as sent because the kernel
was seen to take it for somewhere else, never because no error came; and whatever gets out harms nobody, because it
goes to addresses and names that are for documentation and belong to nobody (RFC 5737, RFC 3849, RFC 2606).
"""

from tui.proof.verdict import Proof, Trial, Verdict

__all__ = ["Proof", "Trial", "Verdict"]
