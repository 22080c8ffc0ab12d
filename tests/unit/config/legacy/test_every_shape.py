"""Every shape of every older system becomes a page that loads, and no secret is on it."""

from __future__ import annotations

import copy

import pytest
from tests.unit.config.legacy.conftest import Import
from tests.unit.config.legacy.samples import (
    COLLECTOR,
    EVERY,
    FTP,
    FTP_CLIENT,
    FTP_SERVER,
    LOCAL,
    PX4_LOGS,
    SECRET,
    SIMPLE_PULL,
    SINGLE_WORKER,
    STAGED_PULL,
    STALE_SERVER,
    TRANSFER_ROADSIDE,
    TRANSFER_SERVER,
    WORKERS,
    seed_device,
    worker,
)

from v2xsync.config.device_options import DEVICE_TYPES
from v2xsync.config.legacy.judging import problems_of

ENVIRONMENT_FILE = """
# container
TMP_PERSIST_DIR=/var/spool/minutes
export HOST='collector.example.org'
PORT=8888
DIST_INTERVAL="10"
"""
DELIVERED = {"after": "delivered", "proof": "hash", "empty_folders": True}


@pytest.mark.parametrize("shape", EVERY)
def test_every_shape_loads_and_shows_no_secret(shape, bring: Import):
    made = bring(EVERY[shape])
    assert not made.problems
    assert not problems_of(made.text, {"HOME": "/home/tester"})
    assert SECRET not in made.text
    assert SECRET not in made.told
    assert SECRET not in repr(made.draft)


@pytest.mark.parametrize("shape", EVERY)
def test_device_types_that_this_version_does_not_know_are_commented_out(shape, bring: Import, without):
    without("irods", "ftp", "post", "webdav", "disk", "mavftp")
    made = bring(EVERY[shape])
    assert not [problem for problem in made.problems if problem.what != "no device is written"]
    assert set(made.toml.get("devices", {})) == {
        device.name for device in made.draft.devices if device.type in {"local", "sftp"}
    }
    for device in made.draft.devices:
        if device.type not in {"local", "sftp"}:
            assert f'has no devices of type "{device.type}" yet' in device.off
            assert f'# type = "{device.type}"' in made.text


def test_all_shapes_at_once_make_one_page(bring: Import):
    made = bring(*EVERY.values())
    assert not [problem for problem in made.problems if not problem.key.startswith("store")]
    assert len(made.draft.systems) == len(EVERY)
    assert "old-2.json: Logging" in made.told


def test_the_pull_script_becomes_one_route_that_fetches_and_keeps(bring: Import):
    toml = bring(SIMPLE_PULL).toml
    assert toml["store"] == {"directory": "./archive-here"}
    assert toml["devices"]["market-10th"] == {
        "type": "sftp",
        "host": "198.51.100.10",
        "username": "reader",
        "password": {"env": "MARKET_10TH_PASSWORD"},
        "root": "/opt/v2x-data/archive",
    }
    assert toml["routes"] == {
        "intersections": {
            "from": ["market-10th", "market-11th"],
            "to": [],
            "elements": "v2x",
            "layout": "{source}/{element}/{name}",
            "fetch": {"daily": "02:05"},
            "remove": {**DELIVERED, "after": "stored"},
        }
    }


@pytest.mark.skipif("irods" not in DEVICE_TYPES, reason="this version has no irods devices")
def test_the_staged_pull_delivers_to_the_common_collection(bring: Import):
    made = bring(STAGED_PULL)
    assert made.toml["devices"]["cyverse"]["root"] == "/iplant/home/lab"
    assert made.toml["store"]["keep"] == "delivered"
    route = made.toml["routes"]["intersections"]
    assert (route["to"], route["fetch"], route["deliver"]) == (["cyverse"], {"daily": "01:00"}, {"daily": "04:45"})
    assert route["remove"] == DELIVERED
    assert "v2xsync trust market-10th" in made.text


def test_without_the_target_originals_and_local_copies_stay(bring: Import, without):
    without("irods")
    made = bring(STAGED_PULL)
    assert "remove" not in made.toml["routes"]["intersections"]
    assert '# remove = { after = "delivered", proof = "hash", empty_folders = true }' in made.text
    assert "keep" not in made.toml["store"]


def test_collections_that_follow_no_rule_get_a_device_and_a_route_each(bring: Import):
    old = copy.deepcopy(STAGED_PULL)
    old["intersections"][1]["cyverse_location"] = "/iplant/home/elsewhere/m11"
    made = bring(old)
    assert [device.options["root"] for device in made.draft.devices if device.type == "irods"] == [
        "/iplant/home/lab",
        "/iplant/home/elsewhere/m11",
    ]
    first, second = made.draft.routes
    assert (first.sources, second.sources) == (["market-10th"], ["market-11th"])
    assert second.options["target_path"] == "{element}/{name}"


def test_stale_names_of_times_are_taken_and_told(bring: Import):
    made = bring(STALE_SERVER)
    assert made.draft.routes[0].options["fetch"] == {"daily": "00:15"}
    assert made.draft.routes[0].options["deliver"] == {"daily": "05:00"}
    assert "StartTime_FromIntersections: a stale name" in made.told
    assert "StartTime_ToCyverse: a stale name" in made.told
    assert "stale" not in bring(TRANSFER_SERVER).told


def test_two_steps_at_one_time_no_longer_race(bring: Import):
    old = copy.deepcopy(TRANSFER_SERVER)
    old["DataTransfer"]["StartTime_PushToCyverse"] = {"hour": 0, "minute": 15}
    made = bring(old)
    assert "deliver" not in made.draft.routes[0].options
    assert "raced" in made.told


@pytest.mark.parametrize(("pull", "push"), [(True, False), (False, True), (False, False)])
def test_the_switches_of_the_server_are_kept(pull, push, bring: Import):
    made = bring({**TRANSFER_SERVER, "PullFromIntersections": pull, "PushToCyverse": push})
    assert not made.problems
    kinds = {device.type for device in made.draft.devices}
    if pull:
        assert kinds == {"sftp"}
        assert made.toml["routes"]["intersections"]["remove"]["after"] == "stored"
    elif push:
        assert kinds == {"local", "irods"}
        assert made.draft.devices[0].options["directory"] == "/srv/collected/market-10th"
    else:
        assert "routes" not in made.toml
        assert "both switches" in made.text


def test_the_roadside_unit_pushes_its_archive(bring: Import):
    toml = bring(TRANSFER_ROADSIDE).toml
    assert toml["station"] == {"name": "clay-11th"}
    assert toml["devices"]["clay-11th"] == {"type": "local", "directory": "/opt/v2x-data/archive"}
    assert toml["devices"]["server"]["root"] == "/srv/collected"
    route = toml["routes"]["daily-push"]
    assert (route["stage"], route["deliver"]) == (False, {"daily": "23:30"})
    assert route["target_path"] == "{source}/{element}/{name}"
    assert route["remove"] == DELIVERED


def test_the_ftp_window_becomes_daily_and_until(bring: Import):
    made = bring(FTP_CLIENT)
    assert made.draft.routes[0].options["deliver"] == {"daily": "01:00", "until": "01:40"}
    device = made.draft.devices[1]
    assert (device.type, device.options["port"], device.options["username"]) == ("ftp", 2121, "clay-11th")
    assert "MaxRetries" in made.told
    assert [secret.value for secret in made.draft.secrets] == [""], "the password was built into the program"


@pytest.mark.skipif("irods" not in DEVICE_TYPES, reason="this version has no irods devices")
def test_the_ftp_servers_collections_per_element_become_one_target(bring: Import):
    made = bring(FTP_SERVER)
    assert made.toml["devices"]["cyverse"]["root"] == "/iplant/home/shared/site"
    route = made.toml["routes"]["push-clay-11th"]
    assert route["target_path"] == "{source}/{element}/{name}"
    assert route["deliver"] == {"daily": "03:00", "until": "05:00"}
    assert "empty_folders" not in route["remove"], "the FTP server needs its folders"
    for key in ("FtpHost", "NotificationEmail", "DnsServer", "MaxRetries"):
        assert key in made.told


def test_collections_of_elements_in_odd_places_get_a_route_each(bring: Import):
    old = copy.deepcopy(FTP_SERVER)
    old["Clients"][0]["CyVerseDirectories"] = {"spat": "/iplant/home/a/signal", "msgCount": "/iplant/home/b/count"}
    made = bring(old)
    assert not made.problems
    assert [(route.options["include"], route.options["target_path"]) for route in made.draft.routes] == [
        (["*_spatLog_*"], "{name}"),
        (["*_msgCount*Log_*"], "{name}"),
    ]


def test_workers_become_routes_and_a_shared_folder_one_device(bring: Import):
    made = bring(WORKERS)
    assert [device.name for device in made.draft.devices] == [
        "disk-0123-ABCD",
        "ftp-198.51.100.31",
        "logs",
        "logs.example.org",
        "webdav-dav.example.org",
    ]
    pictures, flights, tables = made.draft.routes
    assert pictures.options["include"] == ["*.JPG", "*.jpg"]
    assert (flights.sources, tables.sources) == (["logs"], ["logs"])
    assert tables.options["fetch"] == {"every": "15s"}
    assert not tables.empty_folders


@pytest.mark.skipif("post" not in DEVICE_TYPES, reason="this version has no post devices")
def test_a_form_gets_its_fields_and_only_an_acknowledgement(bring: Import):
    made = bring(WORKERS)
    assert made.toml["devices"]["logs.example.org"]["fields"] == {
        "description": "flight {{1}}",
        "feedback": "windy",
        "email": "pilot@example.org",
        "allowForAnalysis": True,
        "obfuscated": False,
    }
    assert made.toml["routes"]["flights"]["remove"]["proof"] == {"default": "hash", "logs.example.org": "ack"}
    assert "took for false" in made.told


def test_rules_are_translated_to_paths_without_the_first_slash(bring: Import):
    made = bring(SINGLE_WORKER)
    route = made.toml["routes"]["one"]
    assert route["include"] == ["20*", "*.csv"]
    assert route["exclude"] == ["tmp/*", "*/scratch/*", "scratch/*"]
    assert route["fetch"] == {"every": "20s"}
    assert "could never fit" in made.told


def test_a_worker_that_was_off_or_included_nothing_stays_off(bring: Import):
    off = {**SINGLE_WORKER, "enable": False}
    nothing = {**SINGLE_WORKER, "rules": {"include": [], "exclude": []}}
    for old, reason in ((off, "not enabled"), (nothing, "included nothing")):
        made = bring(old)
        assert "routes" not in made.toml
        assert reason in made.text
        assert not made.problems


def test_a_worker_from_a_place_to_itself_stays_off(bring: Import):
    made = bring({"workers": [worker("loop", LOCAL, LOCAL, "csv")]})
    assert "routes" not in made.toml
    assert "the same place" in made.text


def test_what_the_loader_refuses_is_commented_out_with_its_reason(bring: Import):
    inside = seed_device("LOCAL", dir="/data/logs/deeper")
    made = bring(
        {"workers": [worker("in", LOCAL, inside, "csv"), worker("out", LOCAL, seed_device("LOCAL", dir="/o"))]}
    )
    assert not made.problems
    assert "Commented out: to: the ends overlap" in made.text
    assert "out" not in made.toml.get("routes", {}), "an empty list of extensions moved nothing"


def test_the_drone_logs_are_never_removed(bring: Import):
    made = bring(PX4_LOGS)
    assert made.draft.store == "/data/flights"
    assert not made.draft.routes[0].removes
    assert made.draft.devices[1].options["url"] == "https://logs.px4.io/upload"
    assert "remove" not in made.text.partition("[station]")[2]


@pytest.mark.skipif("post" not in DEVICE_TYPES, reason="this version has no post devices")
@pytest.mark.parametrize(
    "old",
    [
        COLLECTOR,
        ENVIRONMENT_FILE,
    ],
    ids=["json", "environment"],
)
def test_the_collector_posts_each_minute_file(old, bring: Import):
    made = bring(old)
    assert made.toml["devices"]["collector-server"]["url"] == "http://collector.example.org:8888/"
    assert made.toml["routes"]["minute-files"] == {
        "from": ["collector"],
        "to": ["collector-server"],
        "stage": False,
        "include": ["*.dat"],
        "exclude": ["*/*"],
        "ready": {"lock": "{name}.lock"},
        "fetch": {"every": "10s"},
        "remove": {"after": "delivered", "proof": {"default": "hash", "collector-server": "ack"}},
    }


def test_logins_in_addresses_become_secrets(bring: Import):
    post = seed_device("POST", uploader_url=f"https://me:{SECRET}@logs.example.org/up?key={SECRET}", values={})
    ftp = seed_device("FTP", host=f"ftp://me:{SECRET}@198.51.100.2/x", user="me", passwd=f"{SECRET}\n")
    form = seed_device("POST", uploader_url="https://other.example.org", values={"api_key": SECRET})
    made = bring([post, ftp, form])
    assert SECRET not in made.text + made.told
    assert [secret.value for secret in made.draft.secrets] == [SECRET, f"{SECRET}\n", SECRET]
    assert "may be a secret" in made.told


def test_unknown_keys_are_named_and_their_values_are_not(bring: Import):
    made = bring({**SIMPLE_PULL, "proxy_password": SECRET, "colour": "blue"})
    assert "not carried over: proxy_password, colour" in made.text
    assert SECRET not in made.text


def test_the_same_place_under_two_names_is_told(bring: Import):
    old = copy.deepcopy(SIMPLE_PULL)
    old["intersections"][1]["ip_address"] = old["intersections"][0]["ip_address"]
    made = bring(old)
    assert len(made.draft.devices) == 1
    assert "market-11th is the very same place as market-10th" in made.text


def test_two_secrets_never_share_a_variable(bring: Import):
    made = bring([FTP, seed_device("FTP", host="198.51.100.31", user="other", passwd="x")])
    variables = [secret.variable for secret in made.draft.secrets]
    assert variables == ["FTP_198_51_100_31_PASSWORD", "FTP_198_51_100_31_2_PASSWORD"]
