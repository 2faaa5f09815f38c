"""The command line `ftm`. Nothing imports it.

One module per group of commands, each with a typer app called `commands`, listed in `main`. A command imports
what it needs when it runs, so that `ftm --help` and shell completion are fast.
"""
