"""AutoGluon's search, its display, and the model that comes out of it."""
