"""A whole table's predictions: in batches, row by row where rows cannot be read, and on from where an interruption came."""
