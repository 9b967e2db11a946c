"""One module per subcommand of the command line. None of them loads Textual."""
