"""Real traffic of the query protocol against its schemas, and what a user may see of it."""
import copy
import json
import os
import subprocess
import sys

import jsonschema
import pytest

from checked import PROTOCOL, SCHEMAS, Checked
from flowtrove import Traffic

WORKER = {"user": "worker bee", "password": "honey"}


@pytest.fixture(scope="module")
def client(instance):
    c = Checked("tcp://127.0.0.1:%d" % instance.base)
    yield c
    c.close()


@pytest.fixture(scope="module")
def admin(instance):
    return {"user": "admin", "password": instance.password}


@pytest.fixture(scope="module")
def span(instance, folder):
    t = Traffic(folder, instance.flow_port, 3000, "v9", start=1754000000, seed=21).wait()
    instance.wait_flows(t.sent["records"], t.span)
    return {"from": t.span[0], "to": t.span[1]}


@pytest.fixture(scope="module")
def worker(client, admin):
    reply = client.last("users.add", admin, name=WORKER["user"], password=WORKER["password"], filter="SRVPORT == 443")
    assert reply["ok"], reply
    return WORKER


def test_schemas_are_up_to_date():
    subprocess.run([sys.executable, os.path.join(PROTOCOL, "generate.py"), "--check"], check=True)


def test_schemas_refuse_what_the_server_refuses(client, admin):
    for op, members in (("stat", {"fliter": "x"}), ("stat", {"rows": 0}), ("stat", {"rows": "7"}), ("sessions", {"slices": 1}),
                        ("users.add", {"name": "x"}), ("filter.check", {}), ("audit.list", {"lines": 100000})):
        request = {"v": 1, "id": 1, "op": op, "auth": admin, **members}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(request, SCHEMAS[op]["$defs"]["request"])
        assert client.ask(op, auth=admin, **members)[0]["error"]["code"] == "bad_request"


def test_every_operation_keeps_its_schema(client, admin, span, worker):
    for op in ("login", "key", "whoami", "grammar", "status", "users.list", "exporters.list", "audit.list", "settings.get"):
        assert client.last(op, admin)["ok"], op
    assert client.last("filter.check", admin, filter="srvport=443")["filter"] == "SRVPORT == 443"
    assert client.last("filter.check", admin, filter="SRVPORT = ")["error"]["code"] == "bad_filter"
    assert "session_key" in client.last("login", admin, session_key=True)
    view = client.last("stat", admin, group_by="IPPAIR", count_by="UNIQUE PORTPROTO", direction="sent", slots=7, rows=3, **span)
    assert len(view["view"]["rows"]) == 3 and len(view["view"]["rows"][0]["series"]) == 7
    assert client.last("stat", admin, group_by="IP", slots=4, progress=True, **span)["ok"]
    for form in ("csv", "csv_head", "ndjson"):
        replies, payload = client.talk("sessions", admin, format=form, most=20, **span)
        assert replies[-1]["ok"] and len(payload.splitlines()) >= 20
    for op, members in (("users.add", {"name": "temp", "password": "x"}), ("users.set", {"name": "temp", "admin": True}),
                        ("users.password", {"name": "temp", "password": "y"}), ("users.delete", {"name": "temp"})):
        assert client.last(op, admin, **members)["ok"], op
    for op, members in (("users.delete", {"name": "temp"}), ("users.set", {"name": "admin", "admin": False}),
                        ("users.add", {"name": "admin", "password": "x"})):
        assert client.last(op, admin, **members)["error"]["code"] in ("not_found", "refused", "exists")


def rows(payload):
    return [json.loads(x) for x in payload.splitlines()]


def test_a_user_filter_holds_in_everything(client, admin, span, worker):
    inside = client.last("stat", admin, group_by="IP", rows=5, slots=6, filter="SRVPORT == 443", **span)["view"]
    everything = client.last("stat", admin, group_by="IP", rows=5, slots=6, **span)["view"]
    seen = client.last("stat", worker, group_by="IP", rows=5, slots=6, **span)["view"]
    assert 0 < inside["total"]["sessions"] < everything["total"]["sessions"]
    assert seen["total"] == inside["total"] and seen["rows"] == inside["rows"] and seen["other"] == inside["other"]
    assert "443" not in json.dumps(seen["filter"])
    wanted = client.last("stat", worker, group_by="IP", filter="SRVPORT == 53", **span)["view"]
    assert wanted["total"]["sessions"] == 0 and wanted["rows"] == []
    escape = client.last("stat", worker, group_by="PORTPROTO", filter="SRVPORT == 53 || SRVPORT == 443", **span)["view"]
    assert {r["key"].split("/")[0] for r in escape["rows"]} == {"443"}
    for options in ({}, {"slices": True}, {"whole": True}):
        _, payload = client.talk("sessions", worker, **options, **span)
        assert {r["server_port"] for r in rows(payload)} == {443}, options
        _, payload = client.talk("sessions", worker, filter="SRVPORT != 443", **options, **span)
        assert payload == b""
    for op in ("users.list", "settings.get", "audit.list"):
        assert client.last(op, worker)["error"]["code"] == "forbidden"
    assert "store" not in client.last("status", worker)
    for e in client.last("exporters.list", worker)["exporters"]:
        assert "flows" not in e and "datagrams" not in e


def test_progress_and_cancel(instance, admin, span):
    """Whether a progress reply comes depends on speed; that a cancel is answered does not."""
    c = Checked("tcp://127.0.0.1:%d" % instance.base)
    c.send(json.dumps({"v": 1, "id": "q", "op": "sessions", "auth": admin, "progress": True, **span}).encode())
    c.send(json.dumps({"v": 1, "id": "c", "op": "cancel", "target": "q"}).encode())
    ended = {}
    while set(ended) != {"q", "c"}:
        reply = json.loads(c.receive()[0])
        if not reply.get("more"):
            ended[reply["id"]] = reply
    assert ended["c"]["ok"] and isinstance(ended["c"]["cancelled"], bool)
    assert ended["q"]["ok"] or ended["q"]["error"]["code"] == "cancelled"
    c.close()


def test_a_restart_keeps_users_and_session_keys(instance, client, admin, worker):
    key = {"key": client.last("key", worker)["session_key"]}
    instance.wait_restarted("queryd", instance.kill("queryd"))
    again = Checked("tcp://127.0.0.1:%d" % instance.base)
    assert again.last("whoami", key)["user"] == worker["user"]
    assert again.last("whoami", admin)["admin"]
    again.close()
    assert copy.copy(client.last("whoami", worker))["user"] == worker["user"]  # the old connection found its way back
