"""What was agreed about the code is tested here, so that taste does not depend on who is awake."""
