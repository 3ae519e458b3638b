"""The local durable queue for observations: appended in microseconds, drained when PostgreSQL has time.

It touches one folder and knows neither the database nor the engine, which hands to the store what it drains here.
"""
