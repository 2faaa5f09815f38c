"""Transcripts from the user's files."""
