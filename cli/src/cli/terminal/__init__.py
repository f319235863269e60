"""How things look: to a person at a terminal, and in a pipe. Nothing here knows of servers."""
