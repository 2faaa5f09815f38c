"""The checks of the tables: their contracts, and what a person should look at."""
