"""Resources of the platform: table contracts, the warehouse, transcript sources, models and endpoints."""
