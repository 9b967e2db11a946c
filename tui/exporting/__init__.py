"""Sessions as files for people: Markdown, HTML, plain text. The complete forms, JSON and JSONL, are storage's own.

Each format is a function from a store and ids of sessions to pieces of text, one turn in memory at a time. They never
ask a model, and they carry no word that is not in the store.
"""
