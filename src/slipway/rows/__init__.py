"""What a raw row must be, and what happens to it before it is predicted; every model carries a copy."""
