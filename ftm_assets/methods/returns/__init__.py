"""Returns around calls: models of expected returns, event windows, abnormal returns."""
