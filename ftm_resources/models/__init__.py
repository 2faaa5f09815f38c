"""Models that run locally: embeddings and sentiment of texts, with torch or OpenVINO."""
