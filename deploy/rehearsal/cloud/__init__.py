"""The simulated AWS. It runs in .venv-rehearsal and imports what is in there: ministack and Python's own."""
