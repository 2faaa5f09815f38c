"""The page of a quarter: what it says, gathered from the tables, and the one file of HTML that shows it."""
