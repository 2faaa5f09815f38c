import dagster as dg
import pytest

from ftm_assets.orchestration.pools import LIMITS, make_known


def limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


@pytest.mark.parametrize("default", [None, 8])
def test_pools_have_the_default_before_a_run_and_keep_a_limit_of_their_own(default: int | None):
    pools = {"default_limit": default} if default else {}
    with dg.instance_for_test(overrides={"concurrency": {"pools": pools}}) as instance:
        instance.event_log_storage.set_concurrency_slots("llm", 2)
        make_known(instance)
        make_known(instance)
        assert limits(instance) == {**(dict.fromkeys(LIMITS, 8) if default else {}), "llm": 2}
