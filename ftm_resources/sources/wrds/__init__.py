"""Transcripts of Capital IQ and their links, from WRDS."""
