"""What check looks for before anything is spent."""
