# Source this (". ./env.sh") to use Dagster's own commands: the environment, its home, where the definitions are.
. .venv/bin/activate
export DAGSTER_HOME="${DAGSTER_HOME:-$PWD/.dagster}"
export DAGSTER_MODULE_NAME=ftm_assets.definitions
export DAGSTER_DISABLE_TELEMETRY=1
