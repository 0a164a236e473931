"""The whole way to a real OpenID provider and back, in Chromium, with unmodified SDKs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.sdk.node import JAVASCRIPT, run_node
from tests.support.server import TidewireServer


@contextmanager
def running_provider(redirect_uri: str) -> Iterator[str]:
    """An OpenID provider; gives its issuer."""
    process = subprocess.Popen(
        ["node", "oidc_provider.mjs", redirect_uri],
        cwd=JAVASCRIPT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def test_signing_in_at_an_openid_provider(tmp_path: Path) -> None:
    server = TidewireServer(
        tmp_path / "data",
        environment={"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_OUTBOUND_ALLOWED_HOSTS": "localhost"},
    ).start()
    try:
        endpoint = server.endpoint.replace("127.0.0.1", "localhost")
        key = server.create_key()
        redirect_uri = f"{endpoint}/account/sessions/oauth2/callback/oidc/{server.project}"
        with running_provider(redirect_uri) as issuer:
            settings = {
                "clientId": "tidewire",
                "clientSecret": "s3cret of the client / with +signs",
                "wellKnownURL": f"{issuer}/.well-known/openid-configuration",
                "maxAge": 3600,
                "enabled": True,
            }
            headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
            answer = httpx.patch(f"{endpoint}/project/oauth2/oidc", json=settings, headers=headers)
            assert answer.is_success, answer.text
            outcome = run_node("oauth2.mjs", endpoint, server.project, key)
    finally:
        server.stop()

    session = outcome["session"]
    account = session["account"]
    assert (account["email"], account["emailVerification"]) == ("ada@example.com", True)
    assert account["name"] == "Ada Lovelace"
    assert (session["before"]["provider"], session["before"]["providerUid"]) == ("oidc", "ada")
    assert session["before"]["providerAccessToken"]
    assert session["after"]["providerAccessToken"] not in {"", session["before"]["providerAccessToken"]}
    assert [each["providerEmail"] for each in session["identities"]] == ["ada@example.com"]
    assert session["left"] == 0

    assert (outcome["token"]["provider"], outcome["token"]["userId"]) == ("oidc", account["$id"])
    anonymous = outcome["anonymous"]
    assert (anonymous["account"]["$id"], anonymous["account"]["email"]) == (
        anonymous["userId"],
        "victim@example.com",
    )
    assert anonymous["account"]["emailVerification"] is False
    assert outcome["refused"]["type"] == "user_oauth2_provider_error"
    assert outcome["sentLink"] == {"type": "user_oauth2_bad_request", "account": "general_unauthorized_scope"}
    assert outcome["server"]["session"] == {"provider": "oidc", "uid": "ada"}
    assert outcome["server"]["account"]["$id"] == account["$id"]
