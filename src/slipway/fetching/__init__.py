"""Results brought back: from MLflow, or from DVC's cache and remote."""
