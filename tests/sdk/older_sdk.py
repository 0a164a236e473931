"""Run with an SDK for Python of an earlier version: calls what it reads differently, prints the answers."""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

from appwrite.client import Client  # of the version that PYTHONPATH leads to
from appwrite.id import ID
from appwrite.services.databases import Databases
from appwrite.services.teams import Teams
from appwrite.services.users import Users


def main(endpoint: str, project: str, key: str) -> None:
    """Print the answers as JSON."""
    client: Any = Client().set_endpoint(endpoint).set_project(project).set_key(key)
    users: Any = Users(client)
    email = f"{secrets.token_hex(8)}@example.com"
    answers: dict[str, Any] = {"format": client._global_headers["X-Appwrite-Response-Format"]}
    answers["user"] = users.create(ID.unique(), email, None, "correct horse", "Ada")
    answers["listed_user"] = users.list()["users"][0]
    teams: Any = Teams(client)
    team = teams.create(ID.unique(), "Team")
    joined = teams.create_membership(team["$id"], ["member"], email, url="http://localhost/")
    answers["membership"] = joined
    databases: Any = Databases(client)
    databases.create("shop", "Shop")
    databases.create_collection("shop", "books", "Books")
    databases.create_string_attribute("shop", "books", "name", 64, False)
    answers["document"] = databases.create_document("shop", "books", "tides", {"name": "Tides"})
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
