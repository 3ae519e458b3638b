"""What a person reads before a deploy: what changes, what it costs, what it may do afterwards. Pure."""
