"""What was learned and is too large for a row, by its content: in a folder or in a bucket. It knows bytes alone."""
