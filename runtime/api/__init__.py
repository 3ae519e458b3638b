"""Shows bots, and takes wishes down for their desks: REST, a stream and a page. Knows the store, never an engine."""
