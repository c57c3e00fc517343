"""What is known of exporters and set for them: states in words, overrides, disabled ones, clocks, forgetting, who may see what."""
import json
import os
import socket
import struct
import subprocess
import time

import pytest

from checked import Checked
from flowtrove import BIN, Traffic, wait_for

WORKER = {"user": "exporter watcher", "password": "honey"}
FIELDS = ((8, 4), (12, 4), (1, 4), (2, 4), (10, 4), (14, 4), (7, 2), (11, 2), (4, 1))


class Router:
    """An exporter of NetFlow 9 at an address of its own, whose clock may be off."""

    def __init__(self, instance, address, off=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.to, self.address, self.off = ("127.0.0.1", instance.flow_port), address, off
        self.sequence = self.flows = 0

    def send(self, *sets):
        now = int(time.time()) + self.off
        self.socket.sendto(struct.pack(">HHIIII", 9, len(sets), 1000000, now, self.sequence, 5) + b"".join(sets), self.to)
        self.sequence += 1

    @staticmethod
    def set_of(number, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack(">HH", number, 4 + len(body)) + body

    def template(self, number=256):
        return self.set_of(0, struct.pack(">HH", number, len(FIELDS)) + b"".join(struct.pack(">HH", *f) for f in FIELDS))

    def data(self, count=1, in_if=1, number=256):
        """Records of 1000 bytes in 10 packets, each a session of its own."""
        body = b""
        for _ in range(count):
            self.flows += 1
            body += socket.inet_aton("10.20.%d.%d" % divmod(self.flows, 250)) + socket.inet_aton("192.0.2.9")
            body += struct.pack(">IIIIHHB", 1000, 10, in_if, 2, 30000 + self.flows, 443, 6)
        return self.set_of(number, body)


def ctl(instance, *words, code=0):
    """ft-ctl exporters … -j: its answer as an object; the error's text if it should fail."""
    r = instance.run("ft-ctl", "exporters", *words, "-c", instance.conf, "-j", user=None)
    assert r.returncode == code, r.stderr
    return (json.loads(r.stdout) if r.stdout else None) if code == 0 else r.stderr


def heard(instance, router, datagrams):
    """Until that many datagrams of a router have been decoded; what is known of it then."""
    def there():
        found = [e for e in ctl(instance) if router.address in (e["address"], e["name"]) and e["datagrams"] >= datagrams]
        return found and ctl(instance, router.address)
    return wait_for("%d datagrams of %s" % (datagrams, router.address), there)


def rows_of(instance, router, count):
    """The sessions of a router once there are so many."""
    span = (int((time.time() - 86400) * 1e6), int((time.time() + 86400) * 1e6))
    where = "EXPIP == " + router.address

    def there():
        rows = instance.session_objects(span, where)
        return len(rows) >= count and rows
    return wait_for("%d sessions of %s" % (count, router.address), there)


def test_overrides_are_in_force_at_once_and_after_a_kill(instance):
    r = Router(instance, "127.20.0.1")
    r.send(r.template(), r.data(in_if=3), r.data(in_if=4))
    assert heard(instance, r, 1)["state"] == "ok"
    ctl(instance, "set", r.address, "name", "core 1", "floor 2")
    one = ctl(instance, "set", "core 1 floor 2", "sampling", 100, "clock", "trust")
    assert (one["name"], one["sampling_override"], one["clock"]) == ("core 1 floor 2", 100, "trust")
    one = ctl(instance, "set", r.address, "if", 3, "sampling", 50)
    assert one["interfaces"] == [{"index": 3, "name": None, "description": None, "sampling_override": 50}]
    r.send(r.data(in_if=3), r.data(in_if=4))
    heard(instance, r, 2)
    old = instance.pid("ingest")
    instance.kill("ingest")
    instance.wait_restarted("ingest", old)
    r.send(r.data(in_if=3), r.data(in_if=4))
    rows = rows_of(instance, r, 6)
    assert sorted(x["sampling_rate"] or 1 for x in rows) == [1, 1, 50, 50, 100, 100]
    for x in rows:  # the raw counts can be had back
        assert x["client_bytes"] + x["server_bytes"] == 1000 * (x["sampling_rate"] or 1)
    one = ctl(instance, "core 1 floor 2")
    assert (one["sampling_override"], one["clock"], one["flows"]) == (100, "trust", 6)
    assert one["sources"][0]["sampling_source"] == "override" and one["sources"][0]["sampling_exported"] is None
    assert one["sources"][0]["protocol"] == "NetFlow 9"
    ctl(instance, "set", r.address, "sampling", "none", "clock", "auto")
    ctl(instance, "set", r.address, "if", 3, "sampling", "none")
    r.send(r.data(in_if=3))
    assert [x for x in rows_of(instance, r, 7) if not x["sampling_rate"]]


def test_a_disabled_exporter_is_counted_and_not_stored(instance):
    r = Router(instance, "127.20.0.2")
    r.send(r.template(), r.data(2))
    heard(instance, r, 1)
    assert ctl(instance, "disable", r.address)["enabled"] is False
    r.send(r.data(5))
    one = heard(instance, r, 2)
    assert one["state"] == "disabled" and "5 flows were counted and not stored" in one["why"]
    assert (one["flows"], one["flows_disabled"]) == (2, 5)
    assert ctl(instance, "enable", r.address)["state"] == "ok"
    r.send(r.data(1))
    assert len(rows_of(instance, r, 3)) == 3
    assert instance.counter("ingest", "flows_disabled") == 5


def test_states_are_told_with_their_cause(instance):
    early, gappy, odd, fast = (Router(instance, "127.20.1.%d" % i, off) for i, off in ((1, 0), (2, 0), (3, 0), (4, 7200)))
    early.send(early.data())
    gappy.send(gappy.template(), gappy.data())
    gappy.sequence += 50
    gappy.send(gappy.data())
    odd.send(odd.set_of(0, struct.pack(">HH", 256, 9)))
    fast.send(fast.template(), fast.data())
    for router, state, why in ((early, "no template yet", "1 sets wait"), (gappy, "sequence gaps", "50 datagrams missing"),
                               (odd, "undecodable", "1 sets could not be decoded"), (fast, "clock wrong", "s ahead; times are corrected")):
        one = heard(instance, router, router.sequence - 50 if router is gappy else router.sequence)
        assert one["state"] == state and why in one["why"], one
    words = instance.ask("ft-ctl", "exporters", "-c", instance.conf, user=None)
    for text in ("no template yet: 1 sets wait", "clock wrong: its clock is", "120 min ahead"):
        assert text in words, words
    words = instance.ask("ft-ctl", "exporters", gappy.address, "-c", instance.conf, user=None)
    assert "by its own numbers: 50" in words and "queue while it talked: 0 datagrams" in words, words
    # an administrator who knows better: from now on times are as sent
    assert ctl(instance, "set", fast.address, "clock", "trust")["clock"] == "trust"
    fast.send(fast.data())
    ahead = [x["last_us"] / 1e6 - time.time() for x in rows_of(instance, fast, 2)]
    assert min(ahead) < 60 and max(ahead) > 7000
    assert heard(instance, fast, 2)["state"] == "ok"


def test_names_and_rates_from_options_are_shown_with_their_source(instance):
    r = Router(instance, "127.20.0.3")
    names = r.set_of(1, struct.pack(">HHHHHHHHH", 400, 4, 8, 2, 4, 82, 8, 83, 12))
    rates = r.set_of(1, struct.pack(">HHHHHHH", 401, 4, 4, 1, 4, 34, 4))
    r.send(names, rates, r.set_of(400, struct.pack(">I8s12sI8s12s", 7, b"Gi0/7", b"to Berlin", 12, b"Gi0/12", b"")),
           r.set_of(401, struct.pack(">II", 0, 32)), r.template(), r.data())
    one = heard(instance, r, 1)
    assert [(i["index"], i["name"], i["description"]) for i in one["interfaces"]] == [
        (7, "Gi0/7", "to Berlin"), (12, "Gi0/12", None)]
    source = one["sources"][0]
    assert (source["sampling"], source["sampling_source"]) == (32, "option")
    words = instance.ask("ft-ctl", "exporters", r.address, "-c", instance.conf, user=None)
    assert "1 in 32 (option)" in words and "to Berlin" in words
    assert rows_of(instance, r, 1)[0]["sampling_rate"] == 32


def test_a_forgotten_exporter_begins_anew(instance):
    r = Router(instance, "127.20.0.4")
    r.send(r.template(), r.data(3))
    heard(instance, r, 1)
    ctl(instance, "set", r.address, "sampling", 9)
    rows_of(instance, r, 3)
    ctl(instance, "forget", r.address)
    assert r.address not in {e["address"] for e in ctl(instance)}
    assert "no exporter has" in ctl(instance, "forget", "10.99.99.99", code=1)
    r.send(r.data())
    one = heard(instance, r, 1)
    assert (one["datagrams"], one["flows"], one["state"], one["sampling_override"]) == (1, 0, "no template yet", None)
    r.send(r.template())
    assert len(rows_of(instance, r, 4)) == 4  # what it sent before is still there


def test_command_lines_that_are_wrong_say_what_is_right(instance):
    for words, text in ((("set", "10.0.0.1"), "after set NAME"), (("set", "10.0.0.1", "sampling", "x"), "1 in N"),
                        (("set", "10.0.0.1", "clock", "late"), "clock is auto"), (("disable",), "takes the name or address"),
                        (("set", "10.0.0.1", "if", "x", "sampling", "5"), "index of an interface")):
        assert text in ctl(instance, *words, code=2)
    assert "no exporter is called" in ctl(instance, "set", "nobody", "sampling", "5", code=1)
    assert "no exporter has" in ctl(instance, "nobody", code=1)


def test_sflow_has_one_name_everywhere(instance):
    sample = struct.pack(">IIIIIIIII", 1, 7, 64, 64, 0, 7, 8, 1, 3) + struct.pack(
        ">III4s4sIIII", 32, 100, 6, socket.inet_aton("10.1.1.1"), socket.inet_aton("10.1.1.2"), 1, 2, 0, 0)
    datagram = struct.pack(">II4sIIII", 5, 1, socket.inet_aton("127.20.0.5"), 0, 1, 1000, 1) + struct.pack(
        ">II", 1, len(sample)) + sample
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(datagram, ("127.0.0.1", instance.base + 4))
    r = Router(instance, "127.20.0.6")
    r.address = "127.20.0.5"
    source = heard(instance, r, 1)["sources"][0]
    assert (source["protocol"], source["sampling"], source["sampling_source"]) == ("sFlow 5", 64, "header")
    assert "sFlow 5" in instance.ask("ft-ctl", "status", "-c", instance.conf, user=None)
    span = (int((time.time() - 3600) * 1e6), int((time.time() + 3600) * 1e6))
    wait_for("its session", lambda: instance.totals(span, "EXPV == sf5 && EXPIP == 127.20.0.5")["sessions"] == 1)
    file = os.path.join(instance.dir, "sflow.bin")
    with open(file, "wb") as f:
        f.write(datagram)
    out = subprocess.run([os.path.join(BIN, "ft-decode"), "--format", "udp-payload", file], capture_output=True, text=True)
    assert json.loads(out.stdout.splitlines()[0])["protocol"] == "sFlow 5"


def test_the_query_protocol_serves_exporters_by_right_and_filter(instance):
    admin = {"user": "admin", "password": instance.password}
    a, b = Router(instance, "127.20.2.1"), Router(instance, "127.20.2.2")
    for r in (a, b):
        r.send(r.template(), r.data())
        heard(instance, r, 1)
    c = Checked("tcp://127.0.0.1:%d" % instance.base)
    assert c.last("users.add", admin, name=WORKER["user"], password=WORKER["password"],
                  filter="EXPIP == 127.20.2.1 && SRVPORT == 443")["ok"]
    one = c.last("exporters.set", admin, exporter=a.address, name="lab", tags="test, lab", interface=5, sampling=10)["exporter"]
    assert one["tags"] == ["test", "lab"] and one["interfaces"][0]["sampling_override"] == 10
    assert {a.address, b.address} <= {e["address"] for e in c.last("exporters.list", admin)["exporters"]}
    assert c.last("exporters.get", admin, exporter="lab")["exporter"]["flows"] == 1
    mine = c.last("exporters.list", WORKER)["exporters"]
    assert [(e["address"], e["name"]) for e in mine] == [(a.address, "lab")] and "flows" not in mine[0]
    assert "flows" not in c.last("exporters.get", WORKER, exporter="lab")["exporter"]
    assert c.last("exporters.get", WORKER, exporter=b.address)["error"]["code"] == "not_found"
    for op in ("exporters.set", "exporters.forget"):
        assert c.last(op, WORKER, exporter="lab")["error"]["code"] == "forbidden"
    for members, code, at in (({"exporter": "nobody", "sampling": 1}, "not_found", None),
                              ({"exporter": a.address, "clock": "x"}, "bad_request", "/clock"),
                              ({"exporter": b.address, "name": "lab"}, "exists", "/name"),
                              ({"exporter": a.address}, "bad_request", None)):
        error = c.last("exporters.set", admin, **members)["error"]
        assert (error["code"], error.get("at")) == (code, at)
    assert c.last("exporters.forget", admin, exporter="lab")["ok"]
    assert c.last("exporters.get", admin, exporter="lab")["error"]["code"] == "not_found"
    lines = "\n".join(c.last("audit.list", admin)["lines"])
    assert 'act=exporters.set exporter="127.20.2.1"' in lines and 'act=exporters.forget exporter="lab"' in lines
    c.close()


def test_changes_and_kills_under_traffic_lose_and_double_nothing(instance, folder):
    """Each flow is either stored or counted as not stored, however often that is changed and ingest killed meanwhile."""
    stored, unstored = instance.counter("ingest", "flows"), instance.counter("ingest", "flows_disabled")
    t = Traffic(folder, instance.flow_port, 30000, "v9", start=1752000000, rate=12000, seed=5, source="127.20.9.1", exporters=3)
    turns = 0
    while t.running():
        before = instance.counter("ingest", "flows_disabled")
        ctl(instance, "disable", "127.20.9.2")
        wait_for("flows of the disabled exporter to be counted", lambda: not t.running() or instance.counter("ingest", "flows_disabled") not in (None, before))
        ctl(instance, "set", "127.20.9.1", "sampling", 2 + turns % 3)
        ctl(instance, "enable", "127.20.9.2")
        if turns % 2 == 1:
            old = instance.pid("ingest")
            instance.kill("ingest")
            instance.wait_restarted("ingest", old)
        turns += 1
    t.wait()
    assert turns > 2
    records = t.sent["records"]

    def sum_up():
        now = instance.counter("ingest", "flows"), instance.counter("ingest", "flows_disabled")
        return None not in now and now[0] - stored + now[1] - unstored >= records and now
    now = wait_for("all records to be decoded", sum_up)
    assert now[0] - stored + now[1] - unstored == records
    assert 0 < now[1] - unstored < records
    assert instance.wait_flows(now[0] - stored, t.span)["flows"] == now[0] - stored
