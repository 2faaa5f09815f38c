"""Transcripts from the files of a user."""
