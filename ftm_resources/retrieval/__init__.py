"""Search over themes, topics and sentences: an index per quarter and level, retrieval, and one ranking of all."""
