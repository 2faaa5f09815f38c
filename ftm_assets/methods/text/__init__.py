"""Speech to sentences, and which of them are about the call itself."""
