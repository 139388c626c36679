"""Runs every check of scim2-tester against SCIM_BASE with the bearer token SCIM_TOKEN and counts them.

Stricter than the suite's own command line in what may be left out: a check that was skipped counts as failed unless the
server declares that it lacks the capability, and so does a kind of check that did not run for Users and Groups.
Every error in the folder SCIM_EDGE_ERRORS has to be one that the suite's models read, with the members of RFC 7644 alone.
"""

import json
import os
import pathlib
import random
import sys
import textwrap

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import Error
from scim2_tester import CheckResult, Status, check_server

GOOD = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}
# The suite leaves without a result what it could not prepare, so the checks that must have run are named here.
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
    refused = refused_errors(pathlib.Path(os.environ["SCIM_EDGE_ERRORS"]))
    return 0 if passed and not failed and not absent and not refused else 1


def refused_errors(folder: pathlib.Path) -> int:
    """How many of the errors that were kept are not as RFC 7644 section 3.12 says; 1 if none was kept."""
    bodies = {line for file in folder.glob("*.ndjson") for line in file.read_text().splitlines()}
    refused = 0
    for line in sorted(bodies):
        try:
            body = json.loads(line)
            Error.model_validate(body)
            more = set(body) - {"schemas", "status", "scimType", "detail"}
            problem = f"members of no error: {more}" if more else None
        except (TypeError, ValueError) as error:
            problem = str(error)
        if problem:
            refused += 1
            print(f"FAILED to read an error: {problem}\n    {line[:SHOWN]}")
    print(f"scim2-models: {len(bodies)} different errors read, {refused} refused")
    return refused if bodies else 1


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
