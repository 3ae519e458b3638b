"""Pure rules: values in, values out. No clock, no random, no I/O lives here."""
