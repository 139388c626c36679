"""What a Python program writes with the generated client: it reads a user and its changes, and prints the `userName`.

`run.mjs` generates the client and runs this: python client.py URL ORG USER, with the key in API_KEY.
"""

import json
import os
import sys

from scim_edge_client import AuthenticatedClient
from scim_edge_client.api.directory import get_user, list_changes
from scim_edge_client.models import MembersChange, ResourceChange, User

url, org, id_ = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=os.environ["API_KEY"])

user = get_user.sync(org, id_, client=client)
assert isinstance(user, User), user
page = list_changes.sync(org, client=client, after=0)
joined = [member for change in page.changes if isinstance(change, MembersChange) for member in change.added]
made = [change for change in page.changes if isinstance(change, ResourceChange) and change.kind == "created"]
# An attribute that is not in the tables of SCIM is there all the same, of an unknown type.
badge = user.attributes["urn:example:badge:2.0:User"]
print(json.dumps({"userName": user.attributes.user_name, "badge": badge, "joined": joined, "made": len(made)}))
