"""`make synth`: lint, render and check every stack offline, in each of its variants.

What belongs here: the command, and the variants whose resources differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from infra.policies import findings
from infra.rendering import FOLDER, ORDER, render

NEEDED = {"ImageTag": "2026-01-31", "Email": "somebody@example.org"}
"""The parameters without a default."""

LOGIN = {
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/ftm",
    "UiCidr": "192.0.2.0/24",
    "OidcIssuer": "https://login.example.org",
    "OidcAuthorizationEndpoint": "https://login.example.org/authorize",
    "OidcTokenEndpoint": "https://login.example.org/token",
    "OidcUserInfoEndpoint": "https://login.example.org/userinfo",
    "OidcClientId": "ftm",
    "OidcSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:login",
}
"""What publishes the UI."""

VARIANTS = {
    "default": {},
    "own services": {
        "LlmBaseUrl": "http://vllm.ftm.internal:8000/v1",
        "LlmModel": "Qwen/Qwen3-8B-AWQ",
        "LlmService": "ftm/ftm-vllm",
        "Embedding": "true",
        "EmbeddingBaseUrl": "http://embedding.ftm.internal:8000/v1",
        "EmbeddingModel": "Qwen/Qwen3-Embedding-0.6B",
        "EmbeddingService": "ftm/ftm-embedding",
    },
    "private subnets, buckets of an earlier deployment, stopped": {
        "Subnets": "private",
        "CreateBuckets": "false",
        "Running": "false",
        "OldGpus": "false",
    },
    "everything": {
        **LOGIN,
        "Embedding": "true",
        "WrdsSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:wrds",
        "LlmBaseUrl": "https://api.x.ai/v1",
        "LlmModel": "grok-4",
        "LlmApiKeyArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:key",
        "EmbeddingBaseUrl": "https://embeddings.example.org/v1",
        "EmbeddingModel": "embedder",
        "EmbeddingApiKeyArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:other",
        "Prices": "/opt/ftm/prices.csv",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:alerts",
    },
}
"""Parameters that switch every condition of the templates on and off."""


def lint() -> tuple[int, str]:
    """Return cfn-lint's exit status and what it says: 0 and nothing if the templates are clean."""
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        *(str(FOLDER / f"{name}.yaml") for name in ORDER),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return done.returncode, done.stdout + done.stderr


def main(folder: Path | None = None) -> int:
    """Lint, render and check; say what was found, write the rendered stacks into a folder. Exit status: 0 if clean."""
    status, said = lint()
    say = sys.stdout.write
    say(f"cfn-lint: {said.strip() or 'clean'}\n")
    for variant, parameters in VARIANTS.items():
        stacks = render({**NEEDED, **parameters})
        found = findings(stacks)
        status = status or int(bool(found))
        counts = ", ".join(f"{name} {len(stack.resources)}" for name, stack in stacks.items())
        high = sum(f.severity == "high" for f in found)
        say(f"{variant}: resources: {counts}; policy findings: {high} high, {len(found) - high} low\n")
        for finding in found:
            say(f"  {finding}\n")
        if folder is not None:
            for name, stack in stacks.items():
                path = folder / variant.partition(",")[0].replace(" ", "-") / f"{name}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                made = {"Resources": stack.resources, "Outputs": stack.outputs}
                path.write_text(json.dumps(made, indent=2) + "\n")
    return status


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", help="where the rendered stacks are written; none by default"
    )
    sys.exit(main(parser.parse_args().folder))
