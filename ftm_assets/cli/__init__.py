"""The command `ftm`: it talks to people, and nothing imports it."""
