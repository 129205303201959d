"""The command line: from arguments to a checked configuration, help texts, and messages about mistakes."""
