# Source this (". ./env.sh") to use Dagster's own commands: it sets the environment, DAGSTER_HOME and the definitions' module.
. .venv/bin/activate
export DAGSTER_HOME="${DAGSTER_HOME:-$PWD/.dagster}"
export DAGSTER_MODULE_NAME=ftm_assets.definitions
export DAGSTER_DISABLE_TELEMETRY=1
# Dagster's databases are created here: its own commands fail if several of them create them at once.
[ -f "$DAGSTER_HOME/.prepared" ] || python -m ftm_assets.cli.home
