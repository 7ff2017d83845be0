"""Metrics and plots of the test rows."""
