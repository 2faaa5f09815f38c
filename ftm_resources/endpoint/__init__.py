"""Texts to models over HTTP: the connection, chat, embeddings, and the replies kept."""
