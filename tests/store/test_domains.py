"""Domains in memory: what a commit changed counts, whichever process made it."""

from __future__ import annotations

import msgspec

from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance
from tidewire.store.records.rules import Place, delete_rules_of_project, insert_rule

SHOP = Place("default", "shop")
VALUES = {
    "domain": "shop.example.com",
    "type": "deployment",
    "trigger": "manual",
    "deployment_resource_type": "function",
    "deployment_resource_id": "shop",
    "status": "verified",
}


async def claim(instance: Instance) -> None:
    await instance.database.write(
        lambda transaction: insert_rule(transaction.connection, "default", 10, **VALUES)
    )


async def give_up(instance: Instance) -> None:
    await instance.database.write(
        lambda transaction: delete_rules_of_project(transaction.connection, "default")
    )


async def test_one_of_several_processes_looks_each_time(instance: Instance) -> None:
    other = await Instance.open(msgspec.structs.replace(instance.settings, workers=2))
    assert await other.domains.find("shop.example.com") is None
    await claim(instance)
    assert await other.domains.find("shop.example.com") == SHOP
    await give_up(instance)
    assert await other.domains.find("shop.example.com") is None
    await other.close()


async def test_the_only_process_looks_when_it_is_told_of_a_commit(instance: Instance) -> None:
    other = await Instance.open(instance.settings)
    domains = other.domains
    assert await domains.find("shop.example.com") is None
    await claim(instance)
    domains.committed("default")
    assert await domains.find("shop.example.com") is None  # rules are in the instance's database
    domains.committed(CONSOLE_PROJECT_ID)
    assert await domains.find("shop.example.com") == SHOP
    await give_up(instance)
    domains.committed()  # a process has ended without a word
    assert await domains.find("shop.example.com") is None
    await other.close()
