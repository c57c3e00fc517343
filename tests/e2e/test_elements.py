"""Information elements without a column: kept, shown, filtered on, and the same after restarts and kills."""
import json
import re
import signal
import socket
import struct
import time

import pytest

from checked import Checked
from flowtrove import wait_for

VARIABLE = 65535
BASE = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (152, 8), (153, 8)]
KEPT = [(52, 1), (311, 8), (276, 1), (434, 4), (365, 6), (130, 4), (460, VARIABLE), (266, VARIABLE), (324, 8),
        (33 | 0x8000, 2, 6871), (7 | 0x8000, VARIABLE, 12345), (8 | 0x8000, 4, 12345)]
RELOADED = re.compile("configuration read again")
TIME = int(time.time()) - 100


class Sender:
    """One exporter, at a loopback address of its own."""

    def __init__(self, port, address):
        self.to = ("127.0.0.1", port)
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind((address, 0))
        self.sequence = 0

    def set(self, number, body):
        return struct.pack(">HH", number, 4 + len(body)) + body

    def ipfix(self, *sets, records=0):
        body = b"".join(sets)
        self.s.sendto(struct.pack(">HHIII", 10, 16 + len(body), TIME, self.sequence, 5) + body, self.to)
        self.sequence += records

    def v9(self, *sets, records=1):
        body = b"".join(sets)
        self.s.sendto(struct.pack(">HHIIII", 9, records, 1000000, TIME, self.sequence, 5) + body, self.to)
        self.sequence += 1

    def template(self, number, fields):
        out = struct.pack(">HH", number, len(fields))
        for f in fields:
            out += struct.pack(">HH", f[0], f[1]) + (struct.pack(">I", f[2]) if len(f) > 2 else b"")
        return out


def key(n, reply=False, proto=17):
    a, b = ("10.20.0.%d" % n, "10.30.0.1")
    ends = (a, b, 40000 + n, 53)
    if reply:
        ends = (b, a, 53, 40000 + n)
    start = TIME * 1000 + (5 if reply else 0)
    return socket.inet_aton(ends[0]) + socket.inet_aton(ends[1]) + struct.pack(">HHBIIQQ", ends[2], ends[3], proto, 100 + n, 1,
                                                                               start, start + 10)


def var(b):
    return (bytes([len(b)]) if len(b) < 255 else b"\xff" + struct.pack(">H", len(b))) + b


def kept(ttl, probability, sure, number, mac, address, host, opaque, ntp, label, text, four):
    return (struct.pack(">Bd", ttl, probability) + bytes([1 if sure else 2]) + struct.pack(">i", number) + bytes.fromhex(mac) +
            socket.inet_aton(address) + var(host) + var(opaque) + ntp + struct.pack(">H", label) + var(text) + four)


ONE = dict(ttl=61, probability=0.25, sure=True, number=-7, mac="020304050607", address="192.0.2.9", host=b"www.example.org",
           opaque=b"\x00\xff\x10", ntp=struct.pack(">II", TIME + 2208988800, 1 << 31), label=80, text=b"hello, world of flows",
           four=struct.pack(">f", 1.5))
TWO = dict(ONE, ttl=30, probability=0.5, sure=False, number=12, mac="0a0b0c0d0e0f", address="192.0.2.200", host="ünïcode".encode(),
           opaque=b"\x01", label=443, text=b"x" * 300, four=b"\x00\x00\x00\x09")
SHOWN = {"minimumTTL": 61, "samplingProbability": 0.25, "dataRecordsReliability": True, "mibObjectValueInteger": -7,
         "staMacAddress": "02:03:04:05:06:07", "exporterIPv4Address": "192.0.2.9", "httpRequestHost": "www.example.org",
         "opaqueOctets": "00ff10", "observationTimeMicroseconds": TIME * 1000000 + 500000, "cert:silkAppLabel": 80,
         "12345.7": b"hello, world of flows".hex(), "12345.8": struct.unpack(">I", struct.pack(">f", 1.5))[0]}
SPAN = ((TIME - 60) * 1000000, (TIME + 60) * 1000000)
NET = "CLNIP == 10.20.0.0/16"


def change(instance, settings):
    """All of these apply while running; what came before is decoded as it was."""
    instance.configure(settings)
    for d in ("ingest", "tracker"):
        loads = len(RELOADED.findall(instance.log(d)))
        instance.kill(d, signal.SIGHUP)
        wait_for("%s to have the new settings" % d, lambda: len(RELOADED.findall(instance.log(d))) > loads)


@pytest.fixture(scope="module")
def instance(launch):
    i = launch("elements")
    change(i, {"storage/storageinterval": 1, "netflow/keepfields": "all", "sessiontables/elementbytes": 1024})
    wait_for("room for elements in the tracker's table", lambda: "kept elements" in i.log("tracker"))
    return i


@pytest.fixture(scope="module")
def sent(instance):
    s = Sender(instance.flow_port, "127.9.0.1")
    s.ipfix(s.set(2, s.template(300, BASE + KEPT)))
    s.ipfix(s.set(300, key(1) + kept(**ONE)), s.set(300, key(2) + kept(**TWO)), records=2)
    # one direction of 3 says 61, the other 60
    s.ipfix(s.set(300, key(3) + kept(**ONE)), s.set(300, key(3, reply=True) + kept(**dict(ONE, ttl=60))), records=2)
    nine = Sender(instance.flow_port, "127.9.0.2")
    nine.v9(nine.set(0, nine.template(400, BASE + [(52, 1), (53, 1), (40000, 20), (33000, 12)])))
    nine.v9(nine.set(400, key(4) + bytes([7, 9]) + b"alice".ljust(20, b"\0") + bytes(range(12))))
    # an exporter that has nothing more to say
    s.ipfix(s.set(2, s.template(301, BASE)))
    s.ipfix(s.set(301, key(5)), records=1)
    instance.wait_flows(6, SPAN)
    return s, nine


def by_port(rows):
    return {r["client_port"] - 40000: r["elements"] for r in rows}


def elements(instance):
    return by_port(instance.session_objects(SPAN, NET))


def test_every_type_is_shown_under_its_name(instance, sent):
    rows = elements(instance)
    assert rows[1] == SHOWN
    assert rows[2]["httpRequestHost"] == "ünïcode" and rows[2]["dataRecordsReliability"] is False and rows[2]["12345.8"] == 9
    assert rows[4] == {"minimumTTL": 7, "maximumTTL": 9, "aaaUsername": "alice", "ingressAclId": bytes(range(12)).hex()}
    assert rows[5] is None


def test_what_the_directions_disagree_on_is_two_values(instance, sent):
    assert elements(instance)[3] == dict(SHOWN, minimumTTL=[61, 60])


def test_csv_has_the_same(instance, sent):
    rows = {int(r["client_port"]) - 40000: r["elements"] for r in instance.sessions(SPAN, NET)}
    assert json.loads(rows[1]) == SHOWN and rows[5] == ""


@pytest.mark.parametrize("where, ports", [
    ("IE(minimumTTL) == 61", {1, 3}), ("IE(0.52) == 60", {3}), ("IE(minimumttl) < 31", {2, 4}), ("IE(minimumTTL) != 61", {2, 4, 5}),
    ("IE(minimumTTL) in (7, 29-31)", {2, 4}), ("IE(minimumTTL) not in (7, 29-31)", {1, 3, 5}), ("IE(minimumTTL)", {1, 2, 3, 4}),
    ("!IE(minimumTTL)", {5}), ("IE(samplingProbability) == 0.25", {1, 3}), ("IE(samplingProbability) > 0.3", {2}),
    ("IE(dataRecordsReliability) == true", {1, 3}), ("IE(dataRecordsReliability) == false", {2}),
    ("IE(mibObjectValueInteger) == -7", {1, 3}), ("IE(mibObjectValueInteger) >= -7 && IE(mibObjectValueInteger) < 0", {1, 3}),
    ("IE(mibObjectValueInteger) == -10-20", {1, 2, 3}), ("IE(staMacAddress) == 0a:0b:0c:0d:0e:0f", {2}),
    ("IE(exporterIPv4Address) == 192.0.2.0/25", {1, 3}), ("IE(exporterIPv4Address) == 192.0.2.200", {2}),
    ("IE(httpRequestHost) == www.example.org", {1, 3}), ('IE(httpRequestHost) == "ünïcode"', {2}),
    ("IE(opaqueOctets) == 0x00ff10", {1, 3}), ("IE(opaqueOctets) == 01", {2}), ("IE(cert:silkAppLabel) == 443", {2}),
    ("IE(6871.33) in (80, 81)", {1, 3}), ('IE(12345.7) == "hello, world of flows"', {1, 3}), ("IE(12345.8) == 9", {2}),
    ("IE(12345.8) == 1.5", {1, 3}), ("IE(aaaUsername) == alice", {4}), ("IE(observationTimeMicroseconds) > 1000", {1, 2, 3}),
    ("IE(minimumTTL) == 61 || IE(maximumTTL) == 9", {1, 3, 4}), ("IE(httpUserAgent)", set())])
def test_filters_compare_by_type(instance, sent, where, ports):
    assert set(by_port(instance.session_objects(SPAN, "%s && (%s)" % (NET, where)))) == ports


def test_views_count_what_a_filter_on_elements_selects(instance, sent):
    for where, sessions in (("IE(minimumTTL) == 61", 2), ("IE(minimumTTL) != 61", 3)):
        assert instance.totals(SPAN, "%s && %s" % (NET, where))["sessions"] == sessions


@pytest.mark.parametrize("where, position, expected", [
    ("IE == 5", 4, "( and an information element"), ("IE(nonsense) == 5", 4, "information element: a name"),
    ("IE(minimumTTL == 5", 15, ") after the information element"), ("IE(minimumTTL) == web", 19, "a number, or a range"),
    ("IE(staMacAddress) == 5", 22, "a MAC address"), ("IE(httpRequestHost) < abc", 21, "== or != or in"),
    ("IE(exporterIPv4Address) == 1.2.3", 28, "an address or a network"), ("IE(minimumTTL) > 1-5", 18, "one number"),
    ("IE(dataRecordsReliability) == maybe", 31, "true or false"), ("IE(opaqueOctets) == 0xabc", 21, "hexadecimal")])
def test_errors_say_where_and_what_was_expected(instance, where, position, expected):
    r = instance.run("ftsq", "-j", "-q", where)
    assert r.returncode != 0 and "position %d" % position in r.stderr and expected in r.stderr


def asked(instance, exporter):
    return json.loads(instance.ask("ft-ctl", "exporters", "-c", instance.conf, "-j", exporter, "--elements", user=None))


def test_what_an_exporter_sends_is_listed_kept_or_not(instance, sent):
    nine = asked(instance, "127.9.0.2")
    rows = {e["name"]: e for e in nine["elements"]}
    assert nine["records"] == 1 and rows["maximumTTL"]["samples"] == [9] and rows["aaaUsername"]["samples"] == ["alice"]
    assert (rows["maximumTTL"]["fate"], rows["octetDeltaCount"]["fate"]) == ("kept", "column")
    ten = asked(instance, "127.9.0.1")
    rows = {e["name"]: e for e in ten["elements"]}
    # a template of four records and one of a single record, all with octets
    assert ten["records"] == 5 and rows["minimumTTL"]["records"] == 4 and rows["octetDeltaCount"]["records"] == 5
    assert rows["httpRequestHost"]["lengths"] == ["variable"] and "www.example.org" in rows["httpRequestHost"]["samples"]
    assert set(rows["minimumTTL"]["samples"]) <= {61, 30, 60} and rows["minimumTTL"]["type"] == "unsigned"
    text = instance.ask("ft-ctl", "elements", "-c", instance.conf, "127.9.0.1", user=None)
    assert re.search(r"cert:silkAppLabel +6871\.33 +unsigned +2 +kept +4 +80\.0 %", text)
    r = instance.run("ft-ctl", "elements", "-c", instance.conf, "nobody", user=None)
    assert r.returncode == 1 and "nobody" in r.stderr


def test_the_query_protocol_has_the_list_for_administrators(instance, sent):
    admin = {"user": "admin", "password": instance.password}
    worker = {"user": "worker", "password": "a password of a worker"}
    c = Checked("tcp://127.0.0.1:%d" % instance.base)
    assert c.last("users.add", admin, name=worker["user"], password=worker["password"])["ok"]
    answer = c.last("exporters.elements", admin, exporter="127.9.0.2")
    assert {e["name"]: e["fate"] for e in answer["elements"]}["maximumTTL"] == "kept"
    assert c.last("exporters.elements", admin, exporter="127.9.9.9")["error"]["code"] == "not_found"
    assert c.last("exporters.elements", worker, exporter="127.9.0.2")["error"]["code"] == "forbidden"


def test_they_outlive_restarts_and_kills_of_every_stage(instance, sent):
    before = elements(instance)
    s, nine = sent
    for n, daemon in enumerate(("ingest", "tracker", "store")):
        old = instance.kill(daemon, signal.SIGKILL)
        s.ipfix(s.set(300, key(20 + n) + kept(**TWO)), records=1)
        # the session goes on: the latest value of the direction wins
        s.ipfix(s.set(300, key(19) + kept(**dict(ONE, ttl=10 + n))), records=1)
        instance.wait_restarted(daemon, old)
    instance.wait_flows(12, SPAN)
    rows = elements(instance)
    assert {k: rows[k] for k in before} == before
    assert all(rows[20 + n]["minimumTTL"] == 30 for n in range(3))
    assert rows[19]["minimumTTL"] == 12
    assert [r["elements"]["minimumTTL"] for r in instance.slices(SPAN, "CLNPORT == 40019")][-1] == 12
    assert instance.totals(SPAN, "CLNPORT == 40019 && IE(minimumTTL) in (10, 11, 12)")["sessions"] == 1
    instance.down()
    instance.up()
    assert elements(instance) == rows


def test_a_list_keeps_only_what_it_names_and_none_keeps_nothing(instance, sent):
    s, nine = sent
    n = 40
    for setting, want in (("minimumTTL 12345.7 cert:silkAppLabel", {"minimumTTL", "12345.7", "cert:silkAppLabel"}), ("none", None)):
        change(instance, {"netflow/keepfields": setting})

        def applied():
            nonlocal n
            n += 1
            s.ipfix(s.set(300, key(n) + kept(**ONE)), records=1)
            row = wait_for("session %d" % n, lambda: instance.session_objects(SPAN, "CLNPORT == %d" % (40000 + n)))[0]["elements"]
            return (row if row is None else set(row)) == want
        wait_for("keepfields %s to be in force" % setting, applied)
    change(instance, {"netflow/keepfields": "all"})


def test_elements_beyond_the_bound_are_left_out_and_counted(instance, sent):
    s, nine = sent
    s.ipfix(s.set(300, key(90) + kept(**dict(ONE, text=b"y" * 1100))), records=1)
    row = wait_for("session 90", lambda: instance.session_objects(SPAN, "CLNPORT == 40090"))[0]["elements"]
    assert row is None or ("12345.7" not in row and row["minimumTTL"] == 61)
    wait_for("it is counted", lambda: (instance.counter("ingest", "elements_dropped") or 0) > 0)
