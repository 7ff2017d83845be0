"""Split, recipe and the batches that pass through them."""
