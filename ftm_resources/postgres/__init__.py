"""A copy of the hierarchy in PostgreSQL with pgvector, for services that run one; the warehouse stays the truth."""
