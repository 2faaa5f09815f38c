"""Names and summaries: what is asked, what is believed, what stands in."""
