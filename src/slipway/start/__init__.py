"""Starting: what a new table is, and the files that say so."""
