"""Answers from the warehouse, for people and for assistants: retrieval, a model, and what is checked of its reply."""
