"""Text to lines: cleaning, Markdown, code and turns, without any widget."""
