"""How a registered model answers; every model carries a copy."""
