"""Yours: how each raw table is cleaned and turned into features."""
