"""What a right config becomes: defaults applied, names resolved, secrets out of sight."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
from tests.unit.config.conftest import LoadText

from v2xsync.config.device_options import LocalOptions, SftpOptions
from v2xsync.model.items import Proof
from v2xsync.model.limits import RateStep
from v2xsync.model.rules import After
from v2xsync.model.schedule import Arrival, Cron, Daily, Every


def test_defaults_lose_nothing(load_text: LoadText, good: str, tmp_path: Path) -> None:
    """Removal never, proof by hash, retention for ever."""
    config = load_text(good)
    (route,) = config.routes
    assert route.remove.after is After.NEVER
    assert route.remove.proof is Proof.HASH
    assert config.store.keep.forever
    assert route.ready.settle_s == 30
    assert route.ready.locks == ("{name}.lock", "{name}.part", "{name}.tmp")
    assert config.state == tmp_path / "state"
    assert not route.duplicates
    assert not route.manifests


def test_relative_paths_lie_beside_the_config_and_a_tilde_at_home(
    load_text: LoadText, good: str, tmp_path: Path
) -> None:
    text = good.replace('directory = "office"', 'directory = "~/office"')
    devices = load_text(text).devices
    assert isinstance(devices["spool"].options, LocalOptions)
    assert devices["spool"].options.directory == tmp_path / "spool"
    assert isinstance(devices["office"].options, LocalOptions)
    assert devices["office"].options.directory == Path("/home/tester/office")


def test_every_source_gets_the_default_schedule_of_its_type(load_text: LoadText, good: str) -> None:
    text = good.replace('from = ["clay"]', 'from = ["clay", "spool"]').replace('fetch = { daily = "00:30" }', "")
    (route,) = load_text(text).routes
    assert route.fetch == {"clay": Every(300), "spool": Arrival()}
    assert route.deliver == Arrival()


@pytest.mark.parametrize(
    ("written", "schedule"),
    [
        ('{ daily = "23:00", until = "04:00", catch_up = false }', Daily(dt.time(23), dt.time(4), catch_up=False)),
        ('{ every = "60s" }', Every(60)),
        ('{ cron = "30 0 * * 1-5" }', Cron("30 0 * * 1-5")),
        ("{ daily = 00:30:00 }", Daily(dt.time(0, 30))),
    ],
)
def test_schedules_become_values(load_text: LoadText, good: str, written: str, schedule: object) -> None:
    (route,) = load_text(good.replace('{ daily = "00:30" }', written)).routes
    assert route.fetch == {"clay": schedule}


def test_patterns_name_devices_but_never_the_routes_own_target(load_text: LoadText, good: str) -> None:
    (route,) = load_text(good.replace('from = ["clay"]', 'from = ["*"]')).routes
    assert route.sources == ("clay", "spool")


def test_layouts_fall_back_from_route_to_store_to_elements(load_text: LoadText, good: str) -> None:
    assert load_text(good).routes[0].layout == "{source}/{path}"
    assert load_text(good + 'elements = "v2x"').routes[0].layout == "{source}/{element}/{name}"
    stored = good.replace('directory = "store"', 'directory = "store"\nlayout = "{date}/{name}"')
    assert load_text(stored).routes[0].layout == "{date}/{name}"
    assert load_text(stored + 'layout = "{route}/{name}"').routes[0].layout == "{route}/{name}"
    assert load_text(good + 'target_path = "x/{name}"').routes[0].target_path == "x/{name}"
    assert load_text(good + 'layout = "{route}/{name}"').routes[0].target_path == "{route}/{name}"


def test_elements_may_be_a_table_of_patterns_in_order(load_text: LoadText, good: str) -> None:
    (route,) = load_text(good + 'elements = { spat = "*_spat*", bsm = ["*Bsm*", "*bsm*"] }').routes
    assert route.elements is not None
    assert route.elements.patterns == (("spat", "*_spat*"), ("bsm", "*Bsm*"), ("bsm", "*bsm*"))


def test_a_written_ready_value_replaces_its_default(load_text: LoadText, good: str) -> None:
    (route,) = load_text(good + 'ready = { settle = "0s", lock = "{name}.lock", done = "{stem}.done" }').routes
    assert route.ready.settle_s == 0
    assert route.ready.locks == ("{name}.lock",)
    assert route.ready.done == "{stem}.done"
    assert load_text(good + 'ready = { lock = "" }').routes[0].ready.locks == ()


def test_proofs_may_differ_by_target(load_text: LoadText, good: str) -> None:
    (route,) = load_text(
        good + 'remove = { after = "delivered", proof = { default = "hash", office = "size" } }'
    ).routes
    assert route.remove.proof_for("office") is Proof.SIZE
    assert route.remove.proof_for("another") is Proof.HASH


def test_rates_go_by_the_time_of_day(load_text: LoadText, good: str) -> None:
    rates = '[limits]\nbandwidth = [{ from = "20:00", rate = "unlimited" }, { from = "06:00", rate = "2 MB/s" }]\n'
    assert load_text(good + rates).limits == (RateStep(dt.time(6), 2e6), RateStep(dt.time(20), None))
    assert load_text(good + '[limits]\nbandwidth = "1 MB/s"').limits == (RateStep(dt.time(0), 1e6),)


@pytest.mark.parametrize(("written", "after_s"), [("forever", None), ("delivered", 0.0), ("30d", 30 * 86_400.0)])
def test_the_store_keeps_as_written(load_text: LoadText, good: str, written: str, after_s: float | None) -> None:
    text = good.replace('directory = "store"', f'directory = "store"\nkeep = "{written}"')
    assert load_text(text).store.keep.after_delivery_s == after_s


def test_no_text_of_the_config_shows_a_secret(load_text: LoadText, good: str) -> None:
    config = load_text(good.replace('{ env = "CLAY_PASSWORD" }', '"hunter2"'))
    assert "hunter2" not in repr(config) + str(config) + "".join(config.warnings)
    options = config.devices["clay"].options
    assert isinstance(options, SftpOptions)
    assert options.password is not None
    assert "hunter2" not in repr(options) + str(options) + options.model_dump_json(exclude={"password", "passphrase"})
    assert config.vault.reveal(options.password) == "hunter2"
    assert config.vault.redactor.redact("login hunter2") == "login ***"


def test_a_plain_secret_is_warned_about_and_so_is_a_file_that_others_may_read(load_text: LoadText, good: str) -> None:
    warnings = load_text(good.replace('{ env = "CLAY_PASSWORD" }', '"hunter2"')).warnings
    assert any(warning.startswith("devices.clay.password: ") for warning in warnings)
    assert any("chmod 600" in warning for warning in warnings)


def test_devices_that_nothing_uses_are_warned_about(load_text: LoadText, good: str) -> None:
    assert "devices.spool: no route uses it" in load_text(good).warnings


def test_a_missing_zone_is_warned_about_where_times_of_day_are_written(load_text: LoadText, good: str) -> None:
    text = good.replace('timezone = "America/Los_Angeles"', "")
    environ = {"CLAY_PASSWORD": "x", "TZ": "Europe/Paris"}
    config = load_text(text, environ)
    assert config.zone.key == "Europe/Paris"
    assert any("Europe/Paris" in warning for warning in config.warnings)


def test_routes_that_hand_files_round_are_warned_about(load_text: LoadText, good: str) -> None:
    text = good + '[routes.back]\nfrom = ["office"]\nto = ["clay"]\n'
    assert any("lead from it back" in warning for warning in load_text(text).warnings)


def test_secrets_are_not_asked_for_by_commands_that_open_no_device(load_text: LoadText, good: str) -> None:
    assert load_text(good, {}, check_secrets=False).devices


def test_the_digest_follows_the_rules_and_not_the_words(load_text: LoadText, good: str) -> None:
    """Comments, order and secrets change nothing; a rule, a place, a zone does."""
    digest = load_text(good).digest
    assert load_text("# words\n" + good).digest == digest
    assert load_text(good.replace('{ env = "CLAY_PASSWORD" }', '"other"')).digest == digest
    for old, new in (
        ("00:30", "00:31"),
        ("/data/archive", "/data"),
        ("Los_Angeles", "Denver"),
        ('to = ["office"]', "to = []"),
        ('to = ["office"]', 'to = ["office"]\nremove = { after = "stored" }'),
        ('to = ["office"]', 'to = ["office"]\nexpect = "1d"'),
    ):
        assert load_text(good.replace(old, new)).digest != digest, new


def test_a_loaded_config_cannot_be_changed(load_text: LoadText, good: str) -> None:
    config = load_text(good)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        config.devices["spool"].options.max_parallel = 9  # type: ignore[misc]


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake(load_text: LoadText, good: str) -> None:
    assert load_text("\ufeff" + good.replace("\n", "\r\n")).devices


def test_the_state_folder_defaults_to_the_users_own(load_text: LoadText, good: str) -> None:
    text = good.replace('state = "state"', "")
    environ = {"CLAY_PASSWORD": "x", "HOME": "/home/me", "XDG_STATE_HOME": "/home/me/st"}
    assert load_text(text, environ).state == Path("/home/me/st/v2xsync")
    assert load_text(text, {**environ, "STATE_DIRECTORY": "/var/lib/x"}).state == Path("/var/lib/x")


def test_keys_are_taken_by_the_name_of_their_action(load_text: LoadText, good: str) -> None:
    assert load_text(good + '[keys]\nsync_all = "ctrl+s"\n').keys == {"sync_all": "ctrl+s"}


def test_a_route_that_only_streams_needs_no_store(load_text: LoadText, good: str, tmp_path: Path) -> None:
    text = good.replace('[store]\ndirectory = "store"', "") + "stage = false\n"
    assert load_text(text).store.directory == tmp_path / "state" / "store"
