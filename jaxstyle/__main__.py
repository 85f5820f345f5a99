"""`python -m jaxstyle` is the command line."""

from jaxstyle.cli import main

main()
