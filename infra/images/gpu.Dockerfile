# The image for the steps that embed and classify, on hosts with an NVIDIA GPU and its container runtime.
#
#   docker build -f infra/images/gpu.Dockerfile -t ftm-gpu:TAG .
#
# torch's wheels from PyPI include the CUDA libraries; the driver is the host's.
# Pinned by version; add the registry's digest (python:…@sha256:…) when you first build the image.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
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
# Large embedding models are compiled where they run, which takes a C compiler. A release of Debian keeps one version of it.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home ftm && install -d -o ftm /opt/dagster
# The same path as in the build stage, because the environment and the editable install refer to it.
COPY --from=build /opt/models /opt/models
COPY --from=build /opt/ftm /opt/ftm
COPY infra/dagster/aws.yaml /opt/dagster/dagster.yaml
ENV PATH=/opt/ftm/.venv/bin:$PATH \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_DISABLE_TELEMETRY=1 \
    HF_HOME=/opt/models \
    HF_HUB_OFFLINE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PGSSLMODE=require \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /opt/ftm
# No ENTRYPOINT: ECS would put it before the command of a step.
CMD ["dagster", "api", "execute_step", "--help"]
