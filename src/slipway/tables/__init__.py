"""Raw files of any common format, read as one typed table."""
