"""Names and summaries: prompts, reply checks, and the extractive fallback."""
