"""Brings models and storage together: the only place where a prompt meets a backend.

So this is where confidentiality is decided (`policy`), where every reply is settled (`engine`), and what a model is
told of earlier turns (`history`). Importing this package loads no SDK and no Textual.
"""
