"""A server's time, divided among the runs that it was kept for."""

from collections.abc import Iterator

import dagster as dg
import pytest

from ftm_assets.orchestration.service_time import Kept, kept, note
from ftm_resources.price_table import Machine

HOST = [("g6.xlarge", "ftm-gpu-on-demand")]
LLM = Machine("on-demand", kind="g6.xlarge")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_runs_that_need_it_at_the_same_time_share_it(instance: dg.DagsterInstance):
    note(instance, "llm", ["a"], [], 1, 100)
    note(instance, "llm", ["a"], HOST, 1, 160)
    note(instance, "llm", ["a", "b"], HOST, 1, 220)
    note(instance, "llm", ["b"], HOST, 1, 280)
    assert kept(instance, "a") == [Kept("llm", 100, 90, LLM)]
    assert kept(instance, "b") == [Kept("llm", 160, 90, LLM)]
    assert kept(instance, "c") == []


def test_the_time_in_which_nothing_needs_it_is_that_of_the_last_to_need_it(instance: dg.DagsterInstance):
    note(instance, "llm", ["a"], HOST, 1, 0)
    note(instance, "llm", [], HOST, 1, 60)
    note(instance, "llm", [], HOST, 0, 960)
    note(instance, "llm", [], [], 0, 5_000)
    assert kept(instance, "a") == [Kept("llm", 0, 960, LLM)], "and nothing after it was stopped"


def test_a_server_started_anew_is_not_charged_for_the_time_between(instance: dg.DagsterInstance):
    for since in (0, 10_000):
        note(instance, "llm", ["a"], HOST, 1, since)
        note(instance, "llm", ["a"], HOST, 0, since + 60)
    assert [k.seconds for k in kept(instance, "a")] == [120]


def test_two_servers_cost_twice_and_services_are_apart(instance: dg.DagsterInstance):
    for what, servers in (("llm", 2), ("embedding", 1)):
        note(instance, what, ["a"], HOST, servers, 0)
        note(instance, what, ["a"], HOST, servers, 60)
    assert [(k.what, k.seconds) for k in kept(instance, "a")] == [("llm", 120), ("embedding", 60)]


def test_while_no_host_is_known_its_time_is_that_of_the_host_that_comes(instance: dg.DagsterInstance):
    note(instance, "llm", ["a"], [], 1, 0)
    note(instance, "llm", ["a"], [], 1, 60)
    assert kept(instance, "a") == [Kept("llm", 0, 60, Machine("unknown"))]
    note(instance, "llm", ["a"], HOST, 1, 90)
    assert kept(instance, "a") == [Kept("llm", 0, 90, LLM)]


def test_a_server_that_nobody_needed_is_charged_to_nobody(instance: dg.DagsterInstance):
    note(instance, "llm", [], HOST, 1, 0)
    note(instance, "llm", [], HOST, 1, 600)
    note(instance, "llm", ["a"], HOST, 1, 660)
    assert [k.seconds for k in kept(instance, "a")] == [60]


def test_a_server_that_was_stopped_while_nobody_looked_is_not_charged_for_days(instance: dg.DagsterInstance):
    note(instance, "llm", ["a"], HOST, 1, 0)
    note(instance, "llm", ["a"], HOST, 1, 60)
    note(instance, "llm", [], [], 0, 60 + 5 * 86_400)  # Running=false; the alarm ftm-vllm-idle stopped it
    (share,) = kept(instance, "a")
    assert share.seconds < 2 * 3_600


def test_a_server_started_by_hand_later_is_not_charged_to_a_run_of_last_month(instance: dg.DagsterInstance):
    note(instance, "llm", ["a"], HOST, 1, 0)
    note(instance, "llm", [], HOST, 0, 60)
    for at in (2_592_000, 2_599_200):
        note(instance, "llm", [], HOST, 1, at)
    assert [k.seconds for k in kept(instance, "a")] == [60]


def test_a_server_that_is_not_running_at_the_look_is_charged_to_nobody(instance: dg.DagsterInstance):
    note(instance, "llm", ["a"], HOST, 1, 0)
    note(instance, "llm", ["a"], HOST, 1, 60)
    note(instance, "llm", ["a"], [], 1, 120, ran=False)  # stopped by somebody, and started again just now
    note(instance, "llm", ["a"], HOST, 1, 180)
    assert [k.seconds for k in kept(instance, "a")] == [120]
