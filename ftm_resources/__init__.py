"""What the platform computes with: table contracts, the warehouse, transcript sources, models."""
