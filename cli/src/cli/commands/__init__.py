"""The commands, one a file: arguments in, a service called, its result handed to the terminal."""
