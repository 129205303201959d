"""From typed words to a checked configuration: the frame of a command, its help text, and messages about mistakes."""
