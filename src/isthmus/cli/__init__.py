"""The command line: parse, call, print. Torch is imported once a command runs, not before."""

from isthmus.cli.app import main

__all__ = ["main"]
