"""The assets, one module each: read, call the method, return the table with its metadata."""
