"""The command line of vuhitra. This file holds its version, and nothing else."""

__version__ = "0.1.0"
