import json
from collections.abc import Iterator

import pytest

from ftm_resources.endpoint import ecs_service
from ftm_resources.endpoint.ecs_service import EcsService, MissingServiceError, ModelServices, instance_type


@pytest.fixture
def ecs(aws_over_http: None) -> Iterator[None]:
    """A cluster with a service that runs nothing."""
    import boto3

    client = boto3.client("ecs")
    client.create_cluster(clusterName="ftm")
    container = {"name": "vllm", "image": "vllm", "memory": 512}
    client.register_task_definition(family="ftm-vllm", containerDefinitions=[container])
    client.create_service(cluster="ftm", serviceName="ftm-vllm", taskDefinition="ftm-vllm", desiredCount=0)
    return aws_over_http


@pytest.mark.usefixtures("ecs")
def test_the_number_of_servers_is_read_and_set():
    service = ModelServices(llm="ftm/ftm-vllm").configured()["llm"]
    assert service.desired() == 0
    service.set_desired(1)
    assert service.desired() == 1


@pytest.mark.usefixtures("ecs")
def test_a_server_without_a_host_is_on_none():
    assert ModelServices(llm="ftm/ftm-vllm").configured()["llm"].hosts() == []


@pytest.mark.usefixtures("ecs")
def test_a_host_is_told_by_its_type():
    import boto3

    ec2, ecs = boto3.client("ec2"), boto3.client("ecs")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    (host,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="g5.xlarge")["Instances"]
    document = json.dumps({"instanceId": host["InstanceId"]})
    there = ecs.register_container_instance(cluster="ftm", instanceIdentityDocument=document)
    arn = there["containerInstance"]["containerInstanceArn"]
    assert instance_type(ecs, "ftm", arn) == "g5.xlarge"


def test_where_ecs_refuses_to_tell_the_host_is_not_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """A daemon deployed before it was allowed to: the sensor goes on, and the price is not known."""
    from botocore.exceptions import ClientError

    class Refusing:
        def list_tasks(self, **_: str) -> None:
            raise ClientError(
                {"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}, "ListTasks"
            )

    monkeypatch.setattr(ecs_service, "_ecs", Refusing)
    assert EcsService("ftm", "ftm-vllm", "FTM_LLM_SERVICE").hosts() == []
    assert "its hosts are not known, so it has no price" in caplog.text


@pytest.mark.usefixtures("ecs")
def test_a_service_that_is_not_there_is_named_with_its_setting():
    service = ModelServices(embedding="ftm/ftm-embedding").configured()["embedding"]
    with pytest.raises(
        MissingServiceError, match="FTM_EMBEDDING_SERVICE names ftm/ftm-embedding, but ECS has no"
    ):
        service.desired()


def test_the_environment_names_the_services(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_LLM_SERVICE", "ftm/ftm-vllm")
    monkeypatch.setenv("FTM_SERVICE_IDLE_SECONDS", "60")
    services = ModelServices()
    assert {what: (s.cluster, s.name) for what, s in services.configured().items()} == {
        "llm": ("ftm", "ftm-vllm")
    }
    assert (services.idle(), services.silent()) == (60, 7200)
    assert (ModelServices(idle_seconds=0).idle(), ModelServices(silent_seconds=5).silent()) == (0, 5)
