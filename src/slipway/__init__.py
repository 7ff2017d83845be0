"""The machinery behind the stages: an hour's reading, changed only on purpose."""
