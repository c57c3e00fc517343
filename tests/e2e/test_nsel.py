"""A firewall's events (Cisco ASA, NSEL) from the wire to sessions: nothing counted twice, events kept, filters see them."""
import collections
import socket
import struct
import time

import pytest

from flowtrove import wait_for

CREATED, DELETED, DENIED, UPDATED = 1, 2, 3, 5
COMMON = [(148, 4), (8, 4), (7, 2), (10, 2), (12, 4), (11, 2), (14, 2), (4, 1), (176, 1), (177, 1), (225, 4), (226, 4),
          (227, 2), (228, 2), (233, 1), (33002, 2), (323, 8)]
TEMPLATES = {256: COMMON, 263: COMMON + [(152, 8), (231, 4), (232, 4), (298, 4), (299, 4)]}
CLIENT, SERVER, OUTSIDE = "10.20.0.7", "192.0.2.80", "203.0.113.5"
OURS = "EXPIP == 127.7.0.1"


def template_set():
    body = b""
    for number, fields in TEMPLATES.items():
        body += struct.pack(">HH", number, len(fields)) + b"".join(struct.pack(">HH", *f) for f in fields)
    return struct.pack(">HH", 0, 4 + len(body)) + body


class Firewall:
    """Sends events of connections, one a datagram; each template comes once."""

    def __init__(self, port, start_ms):
        self.port, self.start, self.sequence = port, start_ms, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.7.0.1", 0))

    def send(self, sport, event, why, ms, counts=None):
        record = struct.pack(">I4sHH4sHHBBB4s4sHHBHQ", sport, socket.inet_aton(CLIENT), sport, 2, socket.inet_aton(SERVER), 443,
                             3, 6, 0, 0, socket.inet_aton(OUTSIDE), socket.inet_aton(SERVER), 60000 + sport % 100, 443, event,
                             why, self.start + ms)
        number = 256
        if event in (UPDATED, DELETED):
            number, record = 263, record + struct.pack(">QIIII", self.start, *counts)
        body = struct.pack(">HH", number, 4 + len(record)) + record
        head = struct.pack(">HHIIII", 9, 1, 1000000 + ms, (self.start + ms) // 1000, self.sequence, 0)
        self.socket.sendto(head + (template_set() if self.sequence == 0 else b"") + body, ("127.0.0.1", self.port))
        self.sequence += 1


# events of each connection by client port: (event, extended event, ms, (bytes and packets of initiator and responder))
CONNECTIONS = {
    1000: [(CREATED, 0, 0, None), (UPDATED, 0, 60000, (1000, 5000, 10, 20)), (UPDATED, 0, 120000, (2000, 7000, 20, 30)),
           (UPDATED, 2032, 130000, (100, 0, 1, 0)), (DELETED, 2032, 130000, (3100, 12000, 31, 50))],
    1001: [(CREATED, 0, 0, None), (UPDATED, 0, 60000, (1000, 0, 10, 0)), (DELETED, 2030, 90000, (4000, 9000, 40, 60))],
    1002: [(DELETED, 2030, 4000, (700, 800, 7, 8))],
    1003: [(CREATED, 0, 0, None)],
    1004: [(DENIED, 1001, 0, None), (DENIED, 1001, 3000, None), (DENIED, 1004, 9000, None)],
}
WANT = {1000: (3100, 12000, 31, 50), 1001: (4000, 9000, 40, 60), 1002: (700, 800, 7, 8), 1003: (0, 0, 0, 0), 1004: (0, 0, 0, 0)}


@pytest.fixture(scope="module")
def firewall(wire):
    instance, before = wire, wire.counter("ingest", "flows")
    start = int(time.time()) * 1000 - 600000
    wall = Firewall(instance.flow_port, start)
    span = ((start - 60000) * 1000, (start + 600000) * 1000)
    events = sorted((ms, i, port, event, why, counts) for port, list_ in CONNECTIONS.items()
                    for i, (event, why, ms, counts) in enumerate(list_))
    for i, (ms, _, port, event, why, counts) in enumerate(events):
        wall.send(port, event, why, ms, counts)
        if i == len(events) // 2:  # so that connections have slices of several events
            wait_for("the events so far to be stored", lambda: instance.sessions(span, OURS))
    both = sum(1 + any(e[5][1::2]) if e[5] else 1 for e in events)
    wait_for("all events to be decoded", lambda: instance.counter("ingest", "flows") == before + both)
    instance.wait_flows(both, span, where=OURS)
    return instance, span


def by_port(instance, span, where=None):
    out = collections.defaultdict(list)
    for s in instance.session_objects(span, OURS + (" && (%s)" % where if where else "")):
        out[s["client_port"]].append(s)
    return out


def test_every_connection_has_its_bytes_once(firewall):
    sessions = by_port(*firewall)
    assert set(sessions) == set(WANT)
    for port, want in WANT.items():
        assert tuple(sum(s[k] for s in sessions[port]) for k in (
            "client_bytes", "server_bytes", "client_packets", "server_packets")) == want, port
        assert len(sessions[port]) == (3 if port == 1004 else 1)


def test_sessions_say_what_the_firewall_said(firewall):
    instance, span = firewall
    for port, list_ in by_port(instance, span).items():
        for s in list_:
            assert (s["client_ip"], s["server_ip"], s["server_port"]) == (CLIENT, SERVER, 443)
            assert (s["nat_client_ip"], s["nat_client_port"]) == (OUTSIDE, 60000 + port % 100)
            assert s["nsel_event"] == (DENIED if port == 1004 else CREATED if port == 1003 else DELETED)
    long = by_port(instance, span)[1000][0]
    assert long["last_us"] - long["first_us"] == 130000000


@pytest.mark.parametrize("where,ports", [
    ("ASAEVT == DENIED", {1004}), ("ASAEVT == 3 && ASAEXTEVT == NOTSYN", {1004}), ("ASAEVT == DELETED", {1000, 1001, 1002}),
    ("ASAEXTEVT == 2030", {1001, 1002}), ("ASAEVT == CREATED && CLNPORT == 1003", {1003}),
])
def test_filters_find_events(firewall, where, ports):
    assert set(by_port(*firewall, where)) == ports


def test_views_count_denied_attempts(firewall):
    instance, span = firewall
    rows = instance.view("IP", "SESSIONS", span=span, where=OURS + " && ASAEVT == DENIED")["rows"]
    assert {r["key"]: r["value"] for r in rows} == {CLIENT: 3, SERVER: 3}
