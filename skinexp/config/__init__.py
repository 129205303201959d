"""All options: their schema, the rules that they obey, and how they are composed."""
