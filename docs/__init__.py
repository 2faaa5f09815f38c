"""The documentation: pages in Markdown, and `generate`, which makes a site of them."""
