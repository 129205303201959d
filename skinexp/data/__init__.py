"""Images and what is known about them: sources, split, preparation, batches. Light to import, for worker processes."""
