"""`python -m ftm_assets.cli`: the same as `ftm`, for when the script is not on the path."""

from ftm_assets.cli.main import main

main()
