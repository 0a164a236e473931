"""Settings: where they come from, what wrong ones say, and their table in the documentation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tidewire.cli.settings import (
    SettingsError,
    is_secret,
    load_settings,
    misspelt_variables,
    setting_description,
)
from tidewire.cli.show import show_settings
from tidewire.settings import Settings


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "tidewire.toml"
    file.write_text('port = 1\nworkers = 2\ndata_dir = "x"\n')
    settings = load_settings(
        {"port": "3", "workers": None}, {"TIDEWIRE_PORT": "2", "TIDEWIRE_WORKERS": "4"}, file
    )
    assert (settings.port, settings.workers, settings.data_dir) == (3, 4, "x")


def test_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "tidewire.toml"
    file.write_text("drain_seconds = 1.5\n")
    assert load_settings({}, {"TIDEWIRE_CONFIG": str(file)}).drain_seconds == 1.5


@pytest.mark.parametrize(
    ("text", "value"), [("off", False), ("on", True), ("false", False), ("1", True), ("yes", True)]
)
def test_switches(text: str, value: bool) -> None:
    assert load_settings({}, {"TIDEWIRE_RATE_LIMITS": text}).rate_limits is value


def test_lists_are_separated_by_commas() -> None:
    assert load_settings({}, {"TIDEWIRE_HOSTNAMES": "a.example, b.example"}).hostnames == [
        "a.example",
        "b.example",
    ]


@pytest.mark.parametrize(
    ("flags", "environment", "named"),
    [
        ({"port": "many"}, {}, "'port' (command line)"),
        ({"port": "70000"}, {}, "'port' (command line)"),
        ({}, {"TIDEWIRE_WORKERS": "0"}, "'workers' (environment)"),
        ({}, {"TIDEWIRE_SYNCHRONOUS": "off"}, "'synchronous' (environment)"),
        ({}, {"TIDEWIRE_CONFIG": "/nowhere.toml"}, "/nowhere.toml"),
        ({"functions_endpoint": "example.com/v1"}, {}, "functions_endpoint"),
        ({}, {"TIDEWIRE_FUNCTIONS_DOMAIN": "*.functions.example.com"}, "functions_domain"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    flags: dict[str, object], environment: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(flags, environment)
    assert named in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_the_choices_of_a_setting_are_named() -> None:
    with pytest.raises(SettingsError, match=r"must be one of extended, reference; got 'all'"):
        load_settings({}, {"TIDEWIRE_REALTIME_QUERIES": "all"})


def test_unknown_setting_in_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tidewire.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(SettingsError, match="unknown setting 'prot'"):
        load_settings({}, {}, file)


def test_every_setting_is_described() -> None:
    assert all(setting_description(field) for field in msgspec.structs.fields(Settings))


def test_secrets_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "only the operator knows this"
    secrets = {field.name for field in msgspec.structs.fields(Settings) if is_secret(field)}
    assert secrets >= {"secret_key", "smtp_password"}
    forms = {"sms_provider": f"sms://user:{secret}@mock", "sms_headers": f"X-Key: {secret}"}
    environment = {f"TIDEWIRE_{name.upper()}": forms.get(name, secret) for name in secrets}
    show_settings(load_settings({}, environment))
    shown = capsys.readouterr().out
    assert "secret_key" in shown
    assert "only the" not in shown
    for name in secrets:
        with pytest.raises(SettingsError) as wrong:
            load_settings({name: [secret]})
        assert secret not in str(wrong.value)


def test_who_may_sign_up_for_the_console() -> None:
    assert load_settings({}, {}).console_signup == "first"
    assert load_settings({}, {"TIDEWIRE_CONSOLE_SIGNUP": "open"}).console_signup == "open"
    with pytest.raises(SettingsError, match="console_signup"):
        load_settings({}, {"TIDEWIRE_CONSOLE_SIGNUP": "nobody"})


def test_variables_that_are_no_settings_are_named_with_what_they_are_like() -> None:
    environment = {"TIDEWIRE_PROT": "1", "TIDEWIRE_CONFIG": "x", "TIDEWIRE_PORT": "1", "TIDEWIRE_KEY": "k"}
    assert misspelt_variables(environment | {"TIDEWIRE_QQQ": "", "OTHER": ""}) == [
        "TIDEWIRE_PROT is no setting: is TIDEWIRE_PORT meant?",
        "TIDEWIRE_QQQ is no setting",
    ]
