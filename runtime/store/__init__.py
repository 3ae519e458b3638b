"""PostgreSQL: the pool, and one module for each noun with its named queries beside it in sql/.

The only room that imports psycopg. Its functions take a transaction first, run one query, and return domain values;
they never commit and never decide.
"""
