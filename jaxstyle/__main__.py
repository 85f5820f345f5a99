"""`python -m jaxstyle` is the command line."""

from jaxstyle.cli.main import main

main()
