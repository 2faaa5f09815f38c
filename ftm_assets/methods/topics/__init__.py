"""Topics of each firm and themes of a quarter: clustering, keywords, quality."""
