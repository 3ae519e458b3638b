"""What counts and learns beside a strategy, and must not be forgotten: components, whose states are bytes.

Its floats measure how well something went; they never become a price or a quantity.
"""
