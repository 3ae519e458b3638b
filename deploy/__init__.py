"""Hands on an account, and what can be said about one beforehand. It meets the stacks through their templates."""
