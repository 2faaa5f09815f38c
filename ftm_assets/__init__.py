"""What the platform computes: one module per asset, and the methods that they apply."""
