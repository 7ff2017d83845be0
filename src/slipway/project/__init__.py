"""What every stage begins with: errors in one sentence, settings, names, files."""
