"""What exists in the cloud: one file for each stack. Nothing here calls AWS, reads the environment or shells out."""
