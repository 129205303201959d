"""From encoded photographs to a content-addressed cache of uint8 squares, in parallel processes."""
