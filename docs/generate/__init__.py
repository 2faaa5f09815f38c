"""What makes the documentation site: pages about code are generated from it, all pages are built and checked.

`python -m docs.generate` builds everything under build/docs. A module per kind of page takes objects of the code and
returns Markdown, without reading or writing files; `site_builder` is the only one that does.
"""
