"""`python -m kamsync` is `kamsync`."""

from kamsync.cli import main

main()
