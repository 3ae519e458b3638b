"""A venue of our own: a separate process that speaks Bitget's v2 REST, keeps its own durable books, and can misbehave.

It may touch one inbound socket and one folder. Paper trading and the tests' venue are this one thing.
"""
