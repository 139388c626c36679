"""Runs every check of scim2-tester against SCIM_BASE with the bearer token SCIM_TOKEN and counts them.

Stricter than the suite's own command line in what may be left out: a check that was skipped counts as failed unless the
server declares that it lacks the capability, and so does a kind of check that did not run for Users and Groups.
"""

import os
import random
import sys
import textwrap

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import CheckResult, Status, check_server

GOOD = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}
# The suite leaves without a result what it could not prepare, so what has to have run is named here.
NEEDED = {
    "crud:create",
    "crud:read",
    "crud:read:attributes",
    "crud:update",
    "crud:delete",
    "patch:add",
    "patch:replace",
    "patch:remove",
}
RESOURCE_TYPES = ("User", "Group")
SHOWN = 1500


def main() -> int:
    # The values that the suite draws are the same in each run, so that a failure repeats.
    random.seed(0)
    headers = {"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"}
    # trust_env: a proxy of the surroundings is not for a server on this machine.
    with Client(base_url=os.environ["SCIM_BASE"], headers=headers, timeout=30, trust_env=False) as http:
        client = SyncSCIMClient(http)
        results = check_server(client)
        config = client.provider.config

    failed = [result for result in results if result.status not in GOOD and not excused(result, config)]
    for result in results:
        if result.status not in GOOD:
            report(result, "FAILED" if result in failed else "not offered")
    absent = missing(results)
    for name in absent:
        print(f"FAILED {name}: no check of this kind ran")
    passed = sum(result.status in GOOD for result in results)
    print(f"scim2-tester: {passed} checks passed, {len(failed) + len(absent)} failed")
    return 0 if passed and not failed and not absent else 1


def excused(result: CheckResult, config: object) -> bool:
    """Whether a check was skipped because the ServiceProviderConfig says that its capability is not there."""
    if result.status != Status.SKIPPED:
        return False
    # "patch:add" belongs to the attribute "patch"; kinds without such an attribute are never excused.
    capabilities = [getattr(config, tag.partition(":")[0], None) for tag in result.tags]
    return any(getattr(capability, "supported", None) is False for capability in capabilities)


def missing(results: list[CheckResult]) -> list[str]:
    """The needed kinds of checks without any result, by resource type."""
    ran = {(result.resource_type, tag) for result in results for tag in result.tags}
    return [f"{name} {tag}" for name in RESOURCE_TYPES for tag in sorted(NEEDED) if (name, tag) not in ran]


def report(result: CheckResult, word: str) -> None:
    print(f"{word} {result.resource_type or 'discovery'} {result.title} ({result.status.name})")
    for text in (result.reason, result.data):
        if text is not None:
            print(textwrap.indent(str(text)[:SHOWN], "    "))


if __name__ == "__main__":
    sys.exit(main())
