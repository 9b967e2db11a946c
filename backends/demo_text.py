"""What the demo model can say, as blocks of Markdown.

Every answer is one opening, any number of bodies, and one closing. The openings all say that this is a demo, because
nobody may take the text for an answer. A piece that occurs in two blocks is a fork where one may turn into the other,
so wording that repeats is wanted, a little of it.
"""

OPENINGS = (
    "This is the demo model of Duologue speaking. I am tiny, I was made on your machine a moment ago, and I do not "
    "understand what you wrote.",
    "Hello! You are reading the demo model. The words are real inference by llama.cpp, but there is no knowledge "
    "behind them.",
    "I am only a demo. Your prompt was read token by token, and then I answered with something else entirely.",
    "Thank you for the prompt. As a demo model I cannot answer it, yet I can show you how an answer looks while it "
    "arrives.",
    "**Demo.** Nothing below is advice. A real model would think about your question here, and I will fill the "
    "screen in the meantime.",
    "Let me be honest first: I am a demo, a few megabytes of made-up weights, and I have no idea what day it is.",
)

BODIES = (
    "The program counts every token that I produce. It measures how long you waited for the first word, how fast the "
    "rest came, and how much of my window is taken. Those numbers are true even though my sentences are silly.",
    "Two answers can stream side by side. Each side keeps a history of its own, so neither model reads what the other "
    "one said. Stop one of them and the other carries on.",
    "Nothing of this leaves your computer. The server that runs me listens on the loopback address alone, asks for a "
    "random key, and ends together with the program.",
    "Some words about time: small models answer quickly, large models answer well, and patience is cheaper than both. "
    "A slow reply may be worth the wait.",
    "My memory is a table of pairs. Each piece of text depends only on the piece before it, which is why I drift from "
    "one subject to another like a cat in a library.",
    "A comparison needs the same question on both sides. It needs a reader as well, and that reader is you. Keep the "
    "answer you prefer, and keep the other one for the record.",
    "When you press the stop key, the connection is closed and the engine goes idle. What had arrived by then is "
    "stored, marked as stopped, and easy to find again.",
    "## What to try next\n\nWith a model of your own this window becomes useful. Choose one that fits your memory, "
    "point the right side at it, and ask the question again.",
    "## How this text is made\n\nYour words pass through attention, through random layers, and through a final "
    "matrix. Out comes a list of chances, one piece is drawn, and the whole journey starts over.",
    "Here is a short list of things to look at:\n- the receipt under each answer\n- the words that say where it was "
    "made\n- the search over everything you saved\n- the export to plain Markdown",
    "A few habits that help with any model:\n- give it the material instead of a hint\n- say who will read the "
    "result\n- ask for one thing at a time\n- read the answer before you trust it",
    "A session can be marked **confidential**. From then on only local models are asked, the cloud side is gone, and "
    "a ledger shows where each request went.",
    "Code is shown like this, whatever it is worth:\n\n```python\ndef compare(left, right):\n    for line in "
    "zip(left, right):\n        print(line)\n```",
    "The usual greeting in a shell looks as follows:\n\n```sh\necho 'one prompt, two answers'\nsleep 1\necho 'done'\n"
    "```",
    "> A table of pairs is not a mind.\n\nThat quotation is invented, as is the rest, and it may come round again.",
)

CLOSINGS = (
    "That is all a demo can say.",
    "Ask again and I will say something slightly different.",
    "For a real answer, add a key for Claude or start a local server.",
    "Press the help key to see what else there is. This demo ends here.",
    "Now it is your turn.",
)

THOUGHTS = (
    "The user wrote something that I cannot read. I look at the last piece, then at my table, and choose what may "
    "follow...",
    "First I should say that I am a demo. After that a list would be pleasant, or perhaps some code...",
    "This deserves careful thought, which I do not have. So I count to three and begin...",
)

SMALL_WORDS = frozenset(
    "a an and are as at be by can for from i in is it like my no not of on one or so that the then this to was we "
    "what where which while will with you your".split()
)
"""Words that stick to the next one. On their own they would follow everything and make nonsense of every sentence."""
