"""The HTTP server in front of a model; no stage needs it."""
