"""A server that stands in for providers: what six of them answer, as their public documentation shows it."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

TOKENS: dict[str, Any] = {"access_token": "access-1", "token_type": "bearer", "expires_in": 3600}


@dataclass(frozen=True)
class Recorded:
    """A provider: its addresses below the stand-in, and what is there."""

    authorize: str
    token: str
    profile: dict[str, Any] = field(default_factory=dict)
    """Address to answer."""
    tokens: dict[str, Any] = field(default_factory=lambda: TOKENS | {"refresh_token": "refresh-1"})


RECORDED: dict[str, Recorded] = {
    "google": Recorded(
        "/accounts.google.com/o/oauth2/v2/auth",
        "/oauth2.googleapis.com/token",
        {
            "/openidconnect.googleapis.com/v1/userinfo": {
                "sub": "110248495921238986420",
                "name": "Ada Lovelace",
                "given_name": "Ada",
                "family_name": "Lovelace",
                "picture": "https://lh4.googleusercontent.com/photo.jpg",
                "email": "google@example.com",
                "email_verified": True,
            }
        },
    ),
    "github": Recorded(
        "/github.com/login/oauth/authorize",
        "/github.com/login/oauth/access_token",
        {
            "/api.github.com/user": {
                "login": "octocat",
                "id": 583231,
                "node_id": "MDQ6VXNlcjE=",
                "name": "The Octocat",
                "email": "somebody-else@example.com",
            },
            "/api.github.com/user/emails": [
                {"email": "old@example.com", "verified": False, "primary": False, "visibility": None},
                {"email": "github@example.com", "verified": True, "primary": True, "visibility": "public"},
            ],
        },
        {
            "access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a",
            "scope": "user:email",
            "token_type": "bearer",
        },
    ),
    "apple": Recorded("/appleid.apple.com/auth/authorize", "/appleid.apple.com/auth/token"),
    "facebook": Recorded(
        "/www.facebook.com/v22.0/dialog/oauth",
        "/graph.facebook.com/v22.0/oauth/access_token",
        {"/graph.facebook.com/v22.0/me": {"id": "10152", "name": "Ada", "email": "facebook@example.com"}},
        {"access_token": "EAAB", "token_type": "bearer", "expires_in": 5183944},
    ),
    "microsoft": Recorded(
        "/login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "/login.microsoftonline.com/common/oauth2/v2.0/token",
        {
            "/graph.microsoft.com/v1.0/me": {
                "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
                "displayName": "Ada Lovelace",
                "mail": "microsoft@example.com",
                "userPrincipalName": "ada_example.com#EXT#@contoso.onmicrosoft.com",
                "id": "87d349ed-44d7-43e1-9a83-5f2406dee5bd",
            }
        },
    ),
    "discord": Recorded(
        "/discord.com/oauth2/authorize",
        "/discord.com/api/oauth2/token",
        {
            "/discord.com/api/users/@me": {
                "id": "80351110224678912",
                "username": "nelly",
                "discriminator": "0",
                "global_name": "Nelly",
                "verified": True,
                "email": "discord@example.com",
            }
        },
        TOKENS | {"refresh_token": "refresh-1", "expires_in": 604800, "scope": "identify email"},
    ),
}
APPLE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
APPLE_CLAIMS: dict[str, Any] = {
    "iss": "https://appleid.apple.com",
    "sub": "001234.abcdef.0123",
    "aud": "id of apple",
    "email": "apple@example.com",
    "email_verified": "true",
}


@dataclass
class Stand:
    """The stand-in, what it was asked, and what it is to answer otherwise than recorded."""

    url: str = ""
    asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    """Method, path, headers, and fields of the query or form."""
    answers: dict[str, Any] = field(default_factory=dict)
    """Path to an answer in place of the recorded one; bytes are sent as they are, a number is a status."""
    challenges: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Code to challenge and nonce of what it was given for."""
    claims: dict[str, Any] = field(default_factory=dict)

    def reset(self) -> None:
        """Be as in the beginning."""
        for each in (self.asked, self.answers, self.challenges, self.claims):
            each.clear()

    def code_for(self, there: str) -> str:
        """The code that a provider gives to somebody who signs in at ``there``."""
        query = dict(parse_qsl(urlsplit(there).query))
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = query.get("code_challenge", ""), query.get("nonce", "")
        return code

    def answer(self, path: str, form: dict[str, str]) -> Any:
        """What is at a path."""
        if path in self.answers:
            return self.answers[path]
        if path == "/appleid.apple.com/auth/keys":
            public = jwt.algorithms.RSAAlgorithm.to_jwk(APPLE_KEY.public_key(), as_dict=True)
            return {"keys": [public | {"kid": "a1", "use": "sig", "alg": "RS256"}]}
        for key, recorded in RECORDED.items():
            if path == recorded.token:
                return self._tokens(key, recorded, form)
            if path in recorded.profile:
                return recorded.profile[path]
        return 404

    def _tokens(self, key: str, recorded: Recorded, form: dict[str, str]) -> Any:
        if form.get("grant_type") == "refresh_token":
            return (
                recorded.tokens | {"access_token": "access-2"}
                if form["refresh_token"] == "refresh-1"
                else 400
            )
        challenge, nonce = self.challenges.pop(form.get("code", ""), (None, ""))
        if challenge is None:  # one that was used, or that was never given
            return {"error": "invalid_grant", "error_description": "The code is wrong or was used."}
        if challenge:
            shown = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(shown).rstrip(b"=").decode() != challenge:
                return {"error": "invalid_grant", "error_description": "The proof key is wrong."}
        if key != "apple":
            return recorded.tokens
        moment = {"iat": 1_700_000_000, "exp": 4_000_000_000, "nonce": nonce}
        claims = APPLE_CLAIMS | moment | self.claims
        token = jwt.encode(claims, APPLE_KEY, algorithm="RS256", headers={"kid": "a1"})
        return recorded.tokens | {"id_token": token}


@contextmanager
def running_stand() -> Iterator[Stand]:
    """A stand-in on a port of this machine."""
    stand = Stand()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.respond({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            self.respond(dict(parse_qsl(body)))

        def respond(self, form: dict[str, str]) -> None:
            address = urlsplit(self.path)
            values = dict(parse_qsl(address.query)) | form
            headers = {name.lower(): value for name, value in self.headers.items()}
            stand.asked.append((self.command, address.path, headers, values))
            found = stand.answer(address.path, values)
            status = found if isinstance(found, int) else 200
            body = (
                found
                if isinstance(found, bytes)
                else msgspec.json.encode({} if isinstance(found, int) else found)
            )
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand
    finally:
        server.shutdown()
        server.server_close()


def returned(there: str, **told: str) -> str:
    """Where a provider sends the browser back to."""
    query = dict(parse_qsl(urlsplit(there).query))
    return f"{query['redirect_uri']}?{urlencode({'state': query['state'], **told})}"
