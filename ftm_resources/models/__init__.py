"""Texts to numbers on this machine: embeddings and sentiment, with torch or OpenVINO."""
