"""Text: splitting speech into sentences, marking procedural ones, words and firm names."""
