"""What runs on this machine only: the embedded PostgreSQL and the supervisor behind `make run`."""
