"""The schema's history: numbered, linear, raw SQL. Each suits the program that runs meanwhile."""
