"""What the commands do, without a word of how it looks. Nothing here knows of click or of terminals."""
