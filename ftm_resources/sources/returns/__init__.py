"""Market data: daily returns and factors, from files, WRDS or the sample."""
