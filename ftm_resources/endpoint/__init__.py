"""Models over HTTP: the connection, chat, embeddings, and the reply cache."""
