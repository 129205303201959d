"""Pages and documents: numbers in, HTML and Markdown out."""
