"""Topics of a firm and themes of a quarter: clustering, keywords, quality."""
