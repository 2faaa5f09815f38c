"""Answers to questions from quotations of calls: what a model is asked, and what of its answer is kept."""
