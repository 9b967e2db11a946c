"""One module per screen. Screens talk to the conversation and open nothing themselves."""
