"""What each command does, one step a line."""
