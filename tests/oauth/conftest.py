"""A project whose users sign in at providers, and a stand-in for these."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.oauth.people import Visitor
from tests.oauth.stand import RECORDED, Stand, running_stand
from tests.services.platform.people import Person, Program, sign_up
from tests.support.api import ApiServer, running_api
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings


@pytest.fixture(scope="session")
def standing() -> Iterator[Stand]:
    with running_stand() as stand:
        yield stand


@pytest.fixture
def stand(standing: Stand) -> Stand:
    """The stand-in, which answers as recorded."""
    standing.reset()
    return standing


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, standing: Stand) -> Iterator[ApiServer]:
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("oauth")),
        synchronous="normal",
        console_signup="open",
        rate_limits=False,
        outbound_allowed_hosts=["127.0.0.1"],
        oauth2_endpoints=[f"{key}={standing.url}" for key in RECORDED],
        oauth2_max_answer_bytes=50_000,
        oauth2_timeout=5,
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@pytest.fixture(scope="session")
def person(api: ApiServer) -> Person:
    return sign_up(api)


@pytest.fixture
def project(person: Person) -> str:
    return person.project()


@pytest.fixture
def admin(person: Person, project: str, stand: Stand) -> Program:
    """The owner, acting on the project, in which all recorded providers are set up."""
    del stand  # which answers as recorded from here on
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    program = person.admin(project)
    apple = {"serviceId": "id of apple", "keyId": "K1", "teamId": "T1", "p8File": pem}
    program.done("PATCH", "/project/oauth2/apple", apple)
    microsoft = {"applicationId": "id of microsoft", "applicationSecret": "s3cret", "tenant": "common"}
    program.done("PATCH", "/project/oauth2/microsoft", microsoft)
    program.done("PATCH", "/project/oauth2/facebook", {"appId": "id of facebook", "appSecret": "s3cret"})
    for each in ("google", "github", "discord"):
        given = {"clientId": f"id of {each}", "clientSecret": "s3cret"}
        assert program.done("PATCH", f"/project/oauth2/{each}", given)["enabled"] is True
    return program


@pytest.fixture
def visitor(api: ApiServer, project: str, admin: Program, stand: Stand) -> Iterator[Visitor]:
    """Somebody in a browser."""
    del admin
    with Visitor.open(api, project, stand) as visitor:
        yield visitor
