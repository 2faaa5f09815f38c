# The image for everything but GPU steps: webserver, daemon, code server, runs, steps on Fargate.
#
#   docker build -f infra/images/cpu.Dockerfile -t ftm:TAG .
#
# Pinned by version; add the registry's digest (python:…@sha256:…) when you first build the image.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
# PyPI's torch includes CUDA; this index has the CPU build.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_EXTRA_INDEX_URL=${TORCH_INDEX}
WORKDIR /opt/ftm
RUN python -m venv .venv
# Install the dependencies first, with empty packages, so that new code does not rebuild this large layer.
COPY pyproject.toml constraints.txt ./
RUN mkdir ftm_assets ftm_resources \
    && touch ftm_assets/__init__.py ftm_resources/__init__.py \
    && .venv/bin/python -m pip install --quiet -c constraints.txt -e '.[aws]'
# Models to bake in, as "name@revision name@revision"; without any, mount a Hugging Face cache at /opt/models.
# FTM asks for a model without a revision, so the one that was downloaded is made the cache's main.
ARG MODELS=""
ENV HF_HOME=/opt/models
RUN mkdir -p /opt/models \
    && for model in ${MODELS}; do .venv/bin/hf download "${model%@*}" --revision "${model#*@}" || exit 1; done \
    && for folder in /opt/models/hub/models--*/snapshots; do \
        [ ! -d "$folder" ] || { mkdir -p "$folder/../refs" && printf %s "$(ls "$folder")" > "$folder/../refs/main"; } || exit 1; \
    done
COPY ftm_assets ftm_assets
COPY ftm_resources ftm_resources
COPY dbt dbt
# Parse the dbt project now: its folder, where the manifest is kept, is read-only later.
RUN .venv/bin/ftm manifest && .venv/bin/python -m compileall -q ftm_assets ftm_resources

FROM python:${PYTHON}
RUN useradd --uid 10001 --create-home ftm && install -d -o ftm /opt/dagster
# The same path as in the build stage, because the environment and the editable install refer to it.
COPY --from=build /opt/models /opt/models
COPY --from=build /opt/ftm /opt/ftm
COPY infra/dagster/aws.yaml /opt/dagster/dagster.yaml
COPY workspace.yaml /opt/ftm/workspace.yaml
ENV PATH=/opt/ftm/.venv/bin:$PATH \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_DISABLE_TELEMETRY=1 \
    HF_HOME=/opt/models \
    HF_HUB_OFFLINE=1 \
    PGSSLMODE=require \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /opt/ftm
EXPOSE 4000
# No ENTRYPOINT: ECS would put it before the commands of runs and steps.
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "ftm_assets.definitions"]
