"""The checks of the tables: of their contracts, and of what a person should look at."""
