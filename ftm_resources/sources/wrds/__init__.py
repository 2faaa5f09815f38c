"""Capital IQ's transcripts and their links, from WRDS."""
