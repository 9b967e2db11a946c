"""One module per widget. Widgets take values and post messages."""
