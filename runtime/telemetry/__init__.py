"""What a running desk counts and measures, and the two ways it tells: CloudWatch on standard output, Prometheus."""
