"""Makes docs/schema.md: what the conversation file holds, read from a new one, in words from here.

.venv/bin/python docs/schema.py
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from storage.store import Store

TARGET = Path(__file__).with_name("schema.md")

TABLES = {
    "conversations": "View. One row per conversation, with its totals. Begin here.",
    "side_by_side": "View. One row per question, with the newest answer of each side.",
    "answers": "View. One row per answer, retries included, with its receipt.",
    "sessions": "Conversations.",
    "turns": "Questions, in their order.",
    "replies": "Answers: one row per side and attempt. Nothing is overwritten by a retry.",
    "reply_parts": "Text of answers that are being written now; joined when they end.",
    "requests": "The egress ledger: one row per HTTP request, written before its first byte is sent.",
    "attachments": "Files that went with a question.",
    "votes": "Which answer of a turn was the better one.",
    "tags": "Words that sessions were tagged with.",
    "arrivals": "Of a vault: sessions that were moved into it and whose originals are not erased yet.",
    "erasing": "One row: whether the write-ahead log may still hold what was deleted.",
}
COLUMNS = {
    "archived_at": "when it was put away, or NULL",
    "adopted": "1 if this answer was adopted on both sides",
    "adopted_reply_id": "the answer that both sides are told, or NULL",
    "asked": "when the question was sent",
    "at": "when the vote was cast",
    "by_your_word": "1 if nobody could verify who answers there and the user vouched for it",
    "bytes_received": "bytes of HTTP, inside TLS",
    "bytes_sent": "bytes of HTTP, inside TLS",
    "cache_read_tokens": "tokens read from the provider's cache, or NULL",
    "cache_write_tokens": "tokens written to the provider's cache, or NULL",
    "choice": "left, right, tie or neither",
    "closed": "when the request ended, or NULL",
    "confidential_since": "since when only this machine may see it, or NULL; such sessions live in the vault",
    "content": "the file's bytes",
    "context_allowed": "tokens that the model's window holds, or NULL",
    "context_used": "tokens of the window in use after the answer, or NULL",
    "cost_usd": "US dollars, or NULL where no price is known",
    "created": "when it began",
    "deleted_at": "since when it is in the bin, or NULL",
    "detail": "how the request ended, in words",
    "digest": "what identifies the content: of the model's file as the server says, of a session as it was moved",
    "draft": "what stood in the prompt box and was not sent",
    "ended": "when the answer ended, or NULL",
    "error": "why it failed, in a sentence, or NULL",
    "error_kind": "the kind of failure in one word, or NULL",
    "estimated": "1 if output_tokens is an estimate",
    "first_token_s": "seconds from sending to the first piece of the answer",
    "generation_s": "seconds of writing by the server's own clock, or NULL",
    "host": "where the request went",
    "id": "unique; a session's is 26 characters that sort by birth (ULID)",
    "input_tokens": "tokens that the model read, or NULL",
    "left_model": "the model on the left, as backend:model, or NULL",
    "left_outcome": "how the left answer ended",
    "left_text": "the newest answer of the left side",
    "left_to": "who answered elsewhere, if the server said so",
    "level": "what kept the program from other ways out, at the time",
    "load_s": "seconds of loading the model, or NULL",
    "locality": "who answered: this machine, your network or cloud",
    "media_type": "as in text/plain",
    "model": "as chosen: backend:model",
    "name": "the file's name, or the tag",
    "note": "words about it: the user's own on a turn, the program's on an answer",
    "opened": "when the request was about to be sent",
    "origin": "where an imported session came from; empty for our own",
    "outcome": "open, complete, stopped, failed or interrupted",
    "output_tokens": "tokens that the model wrote, or NULL",
    "owner": "the running program that writes it, while it is open",
    "parent_id": "the session that it was forked from, or NULL",
    "parent_turn_id": "the turn that it was forked at, or NULL",
    "peer": "the address on the other end of the connected socket, or NULL",
    "pending": "1 until the log has been emptied",
    "port": "where the request went",
    "preferred": "1 if the vote on its turn went to this side",
    "prompt": "the question",
    "prompt_chars": "its length in characters",
    "prompt_s": "seconds of reading the question by the server's own clock, or NULL",
    "purpose": "chat, preflight, models, probe ...",
    "reasons": "why, in the user's words",
    "reply_id": "the answer it belongs to",
    "right_model": "the model on the right, as backend:model, or NULL",
    "right_outcome": "how the right answer ended",
    "right_text": "the newest answer of the right side",
    "seq": "1, 2, 3 ... within the session",
    "served_model": "what the server says answered, or NULL",
    "session_id": "the session it belongs to",
    "sha256": "of the content",
    "side": "left or right",
    "size": "bytes",
    "starred": "1 with a star",
    "started": "when it was asked for",
    "stop_reason": "why the model stopped, in the provider's word, or NULL",
    "system_prompt": "what both models were told first",
    "tags": "its tags, with spaces between them",
    "text": "what was said; of a file, what can be read in it",
    "text_chars": "its length in characters",
    "thinking": "what the model thought, where it shows that",
    "thinking_chars": "its length in characters",
    "thinking_s": "seconds of thinking, or NULL",
    "thinking_tokens": "tokens of thinking, or NULL",
    "title": "the first line of the first question, or the user's own",
    "tokens_per_second": "speed of writing, or NULL",
    "total_s": "seconds from sending to the end",
    "turn": "1, 2, 3 ... within the session",
    "turn_id": "the turn it belongs to",
    "turns": "how many questions it has",
    "updated": "when it was last used",
    "variant": "1 for the first answer, 2 for its first retry ...",
    "verdict": "open, done, failed or refused",
    "vote": "left, right, tie, neither, or NULL",
}
QUERIES = {
    "What a model has cost, and how fast it writes": """
SELECT model, count(*) AS answers, round(sum(cost_usd), 4) AS usd,
  round(avg(tokens_per_second), 1) AS tokens_per_second, round(avg(first_token_s), 2) AS wait_s
FROM answers WHERE outcome = 'complete' GROUP BY model ORDER BY answers DESC
""",
    "Which of two models was preferred": """
SELECT left_model, right_model, sum(vote = 'left') AS left_won, sum(vote = 'right') AS right_won,
  sum(vote = 'tie') AS ties
FROM side_by_side WHERE vote IS NOT NULL GROUP BY left_model, right_model
""",
    "Answers that did not come to their end": """
SELECT started, title, model, outcome, error FROM answers
WHERE outcome IN ('failed', 'interrupted') ORDER BY started DESC LIMIT 20
""",
    "What left this machine, by day": """
SELECT substr(opened, 1, 10) AS day, host, count(*) AS requests, sum(bytes_sent) AS bytes
FROM requests WHERE locality NOT IN ('this machine', 'your network') AND verdict <> 'refused'
GROUP BY day, host ORDER BY day DESC
""",
    "Two answers to one question, next to each other": """
SELECT prompt, left_model, left_text, right_model, right_text FROM side_by_side
WHERE prompt LIKE '%clause 7%'
""",
}

_INTRODUCTION = """# The conversation file

`duologue.db` in the data directory (`duologue doctor` says where) is an ordinary SQLite file, and yours. Read it with
[Datasette](https://datasette.io), [sqlite-utils](https://sqlite-utils.datasette.io) or the `sqlite3` shell, also
while the program runs:

    sqlite-utils "$FILE" "SELECT title, turns, cost_usd FROM conversations ORDER BY updated DESC LIMIT 10" -t
    datasette "$FILE"

Times are UTC, as `2026-03-01T09:30:00.000Z`. NULL means "not known". Write to the file at your own risk, with one
exception that holds whoever writes: triggers keep a confidential session confidential. Confidential sessions are not
in this file but in `vault.db`, which is encrypted.

The tables `search_*` are the full-text index. It holds no text of its own; `duologue search` asks it.
"""


def document() -> str:
    """The whole page."""
    with closing(Store.open(None)) as store:
        parts = [_INTRODUCTION, *(_table(store, name, words) for name, words in TABLES.items())]
    parts.append("## Questions to ask\n")
    parts += [f"### {title}\n\n```sql\n{query.strip()}\n```\n" for title, query in QUERIES.items()]
    return "\n".join(parts)


def _table(store: Store, name: str, words: str) -> str:
    columns = store.database.rows(f"SELECT name, type FROM pragma_table_info('{name}')")  # noqa: S608 - our own names
    lines = [f"| `{row['name']}` | {row['type'].lower() or 'value'} | {COLUMNS[row['name']]} |" for row in columns]
    return "\n".join([f"## {name}\n", f"{words}\n", "| column | type | holds |", "| --- | --- | --- |", *lines, ""])


if __name__ == "__main__":
    TARGET.write_text(document())
