"""By way of ft-proxy flows arrive as they would have come themselves, once, whatever is killed on the way; and whose they are stays
known."""
import collections
import itertools
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

import ipfixwire as w
from captured import Senders
from flowtrove import SOAK, TOOLS, Traffic, free_ports, wait_for
from proxied import Proxy, comparable, guid, interfaces
from test_ipfix_tcp import certificates  # noqa: F401

SESSIONS = 20000 if SOAK else 1500


@pytest.fixture(scope="module")
def named(folder, certificates):  # noqa: F811
    """A certificate of 127.0.0.1: a proxy checks the name of whom it sends to."""
    with open(os.path.join(folder, "names"), "w") as f:
        f.write("subjectAltName=IP:127.0.0.1\n")
    subprocess.run(["openssl", "x509", "-req", "-in", "collector.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                    "-extfile", "names", "-out", "named.pem"], check=True, cwd=folder, stderr=subprocess.DEVNULL)
    return os.path.join(folder, "named.pem")


@pytest.fixture(scope="module")
def collector(launch, certificates, named):  # noqa: F811
    secret = free_ports(1)
    i = launch("c", {"storage/storageinterval": 1, "netflow/ipfixtlsport": secret,
                     "netflow/tlscertfile": named, "netflow/tlskeyfile": certificates("collector.key"),
                     "netflow/tlscafile": certificates("ca.pem"), "netflow/tlsclientcert": "yes",
                     "netflow/keepfields": "all", "sflow/agentaddress": "no"})
    i.tls_port = secret
    return i


@pytest.fixture
def proxy(collector, folder):
    made = []

    def start(to=None, **more):
        made.append(Proxy(folder, to or ["127.0.0.1 %d" % (collector.base + 3)], **more))
        return made[-1]
    yield start
    for p in made:
        p.remove()


def of(p):
    return "guid == " + p.guid


@pytest.mark.parametrize("kind", ["v5", "v9", "ipfix"])
def test_sessions_are_those_of_flows_that_came_straight(collector, proxy, folder, kind):
    p, start = proxy(), {"v5": 1710000000, "v9": 1711000000, "ipfix": 1712000000}[kind]
    straight = Traffic(folder, collector.flow_port, SESSIONS, kind, start, rate=8000, name="s" + kind).wait()
    behind = Traffic(folder, p.port, SESSIONS, kind, start, rate=8000, name="b" + kind).wait()
    flows = straight.sent["records"]
    assert behind.sent["records"] == flows
    p.wait_empty(flows)
    collector.wait_flows(2 * flows, straight.span)
    want = comparable(s for s in collector.sessions(straight.span) if not s["guid"])
    got = comparable(collector.sessions(straight.span, of(p)))
    assert len(want) == len(got)
    for a, b in zip(want, got):
        assert a == b
    assert p.counter("sequence_gaps") == p.counter("dropped_flows") == 0
    assert p.destination()["acknowledges"]


def told(rows, begun):
    """Sessions by capture.  What has no clock, or one that is wrong, has times by its arrival, which differs with the way."""
    out = collections.defaultdict(list)
    for s in rows:
        for key in ("first_us", "last_us"):
            if int(s[key]) > (begun - 3600) * 1000000:
                s[key] = ""
        out[int(s["exporter_ip"].split(".")[2])].append(s)
    return {n: comparable(sessions) for n, sessions in out.items()}


def test_captures_of_devices_are_the_same_by_way_of_a_proxy(collector, proxy):
    from test_captures import ALWAYS, FOLDER, cases, decode, datagrams, sums
    if not os.path.exists(os.path.join(FOLDER, "cases.json")):
        pytest.skip("no folder of captures beside the source (%s)" % FOLDER)
    p, senders, flows, begun, names = proxy(), Senders(), 0, time.time(), {}
    for number, (name, protocol, form, paths) in enumerate(cases(), 1):
        flows += sums(decode(paths, form)[0])["flows"]
        addresses, names[number] = {}, name
        for path in paths:
            for source, payload in datagrams(path, form):
                address = addresses.setdefault(source, "127.10.%d.%d" % (number, len(addresses) + 1))
                sflow = protocol.startswith("sflow")
                senders.send(address, payload, collector.base + 4 if sflow else collector.flow_port)
                senders.send(address, payload, p.port + sflow)
    senders.close()
    ours = "EXPIP == 127.10.0.0/16"
    p.wait_empty(flows)
    collector.wait_flows(2 * flows, ALWAYS, where=ours)
    sessions = collector.sessions(ALWAYS, ours)
    want = told((s for s in sessions if not s["guid"]), begun)
    got = told((s for s in sessions if s["guid"] == p.guid), begun)
    assert sorted(want) == sorted(got)
    different = ["%s: %d of %d sessions, as %r" % (names[n], len(pairs), len(want[n]), pairs[0]) for n, pairs in (
        (n, [(a, b) for a, b in itertools.zip_longest(want[n], got[n]) if a != b]) for n in want) if pairs]
    assert not different, "\n".join(different)
    assert any(s["elements"] for s in sessions) and any(s["in_if_name"] for s in sessions)
    straight = interfaces(collector)
    assert straight and straight == interfaces(collector, p.guid)


def steady(p, start, folder, flows=3000, rate=3000, kind="v9"):
    return Traffic(folder, p.port, flows // 6, kind, start, rate=rate, seed=start % 1000, name="t%d" % start)


def same_as_truth(collector, p, t):
    p.wait_empty(t.sent["records"])
    collector.wait_flows(t.sent["records"], t.span, where=of(p))
    got = collector.totals(t.span, of(p))
    assert (got["flows"], got["bytes"], got["packets"]) == (t.sent["records"], t.sent["bytes"], t.sent["packets"])


def test_a_destination_that_is_down_for_a_while_loses_and_doubles_nothing(collector, proxy, folder):
    p = proxy()
    wait_for("a connection", lambda: p.destination()["connected"])
    collector.down()
    t = steady(p, 1713000000, folder).wait()
    wait_for("flows in the queue", lambda: p.counter("flows") >= t.sent["records"])
    assert p.destination()["queued_flows"] > 0
    p.kill()  # with a queue, too
    p.start()
    assert p.destination()["queued_flows"] > 0
    collector.up()
    wait_for("the queue to be empty", lambda: p.destination()["queued_flows"] == 0)
    collector.wait_flows(t.sent["records"], t.span, where=of(p))
    got = collector.totals(t.span, of(p))
    assert (got["flows"], got["bytes"], got["packets"]) == (t.sent["records"], t.sent["bytes"], t.sent["packets"])


def test_a_collector_that_is_killed_again_and_again(collector, proxy, folder):
    p = proxy()
    t = steady(p, 1714000000, folder, flows=9000)
    for _ in range(12 if SOAK else 4):
        before = p.counter("acknowledged_flows")
        wait_for("progress", lambda: p.counter("acknowledged_flows") > before or not t.running())
        collector.wait_restarted("ingest", collector.kill("ingest"))
    t.wait()
    same_as_truth(collector, p, t)


class Cutter:
    """Stands between proxy and collector, and cuts each connection after some bytes: in the middle of a message."""

    def __init__(self, to, cuts):
        self.listener, self.to, self.cuts, self.made = socket.create_server(("127.0.0.1", 0)), to, list(cuts), 0
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            self.made += 1
            limit = self.cuts.pop(0) if self.cuts else None
            far = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.copy, args=(far, near, None), daemon=True).start()
            self.copy(near, far, limit)

    @staticmethod
    def copy(a, b, limit):
        try:
            while True:
                piece = a.recv(4096 if limit is None else min(4096, limit))
                if not piece:
                    break
                b.sendall(piece)
                if limit is not None:
                    limit -= len(piece)
                    if limit <= 0:
                        break
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_connections_that_are_cut_in_the_middle_of_a_message(collector, proxy, folder):
    dice = random.Random(7)
    cutter = Cutter(collector.base + 3, [dice.randrange(1, 60000) for _ in range(8)])
    p = proxy(["127.0.0.1 %d" % cutter.port])
    t = steady(p, 1715000000, folder, flows=6000, kind="ipfix").wait()
    same_as_truth(collector, p, t)
    wait_for("all cuts to be made", lambda: cutter.made > 1)
    cutter.listener.close()


def test_a_proxy_that_is_killed_doubles_nothing_and_loses_no_more_than_its_socket_held(collector, proxy, folder):
    p = proxy()
    senders, seconds = Senders(), 1716000000
    sent = kills = 0
    for turn in range(300):
        payload = w.message([w.template(), w.flows(sent, 10)], sequence=sent, when=seconds)
        senders.send("127.0.0.1", payload, p.port)
        sent += 10
        if turn in (100, 200):
            p.kill()  # the kernel's queue goes with it: what it held is lost, and that is no fault of the proxy
            p.start()
            kills += 1
    wait_for("the last datagram", lambda: p.counter("datagrams") > 0 and p.destination()["queued_flows"] == 0)
    stored = "%s and EXPIP == 127.0.0.1" % of(p)
    got = collector.wait_flows(sent - 2000, w.span(), where=stored)
    assert got["flows"] <= sent and got["bytes"] == got["flows"] * 1000
    sessions = collector.sessions(w.span(), stored)
    assert all(int(s["client_flows"]) + int(s["server_flows"]) == 1 for s in sessions), "a flow is there twice"
    senders.close()


def test_two_tenants_with_the_same_addresses_see_their_own_alone(collector, proxy):
    tenants, senders = [proxy(), proxy()], Senders()
    for n, p in enumerate(tenants):
        senders.send("127.0.0.1", w.message([w.template(), w.flows(0, 50, size=100 + n)]), p.port)
    for n, p in enumerate(tenants):
        collector.wait_flows(50, w.span(), where=of(p))
        user = "tenant%d" % n
        r = collector.run("ftum", "-addu", user, "pass-word-%d" % n)
        assert r.returncode == 0, r.stdout + r.stderr
        collector.ask("ftum", "-filter", user, of(p))
    for n, p in enumerate(tenants):
        seen = collector.run("ftsq", "-c", *collector.frame(w.span()), user="tenant%d" % n, password="pass-word-%d" % n)
        assert seen.returncode == 0, seen.stderr
        rows = seen.stdout.splitlines()
        assert len(rows) == 50 and all(p.guid in row and tenants[1 - n].guid not in row for row in rows)
        ranked = collector.run("ftstat", "-j", "-grp", "GUID", "-cnt", "BYTES", *collector.frame(w.span()), user="tenant%d" % n,
                               password="pass-word-%d" % n)
        assert p.guid in ranked.stdout and tenants[1 - n].guid not in ranked.stdout
    senders.close()


def test_tls_with_a_certificate_of_ones_own(collector, proxy, certificates):  # noqa: F811
    def files(mine):
        return "".join("\t%s %s\n" % (key, certificates(name)) for key, name in (
            ("tlscafile", "ca.pem"), ("tlscertfile", mine + ".pem"), ("tlskeyfile", mine + ".key")))
    good, bad = (proxy(["127.0.0.1 %d tls" % collector.tls_port], more=files(x)) for x in ("exporter", "stranger"))
    elsewhere, senders = proxy(["localhost %d tls" % collector.tls_port], more=files("exporter")), Senders()
    for p in (good, bad, elsewhere):
        senders.send("127.0.0.1", w.message([w.template(), w.flows(0, 50)]), p.port)
    good.wait_empty(50)
    assert good.destination()["acknowledges"]
    wait_for("the others to be refused", lambda: bad.destination()["failures"] and elsewhere.destination()["failures"])
    assert "certificate" in elsewhere.destination()["why"] or "mismatch" in elsewhere.destination()["why"]
    assert bad.destination()["queued_flows"] == elsewhere.destination()["queued_flows"] == 50
    assert collector.wait_flows(50, w.span(), where=of(good))["flows"] == 50
    senders.close()


def test_a_collector_that_acknowledges_nothing_gets_everything_at_least_once(proxy, folder):
    got, listener = bytearray(), socket.create_server(("127.0.0.1", 0))
    p = proxy(["127.0.0.1 %d" % listener.getsockname()[1]])
    s = listener.accept()[0]
    senders = Senders()
    senders.send("127.0.0.1", w.message([w.template(), w.flows(0, 20)]), p.port)
    s.settimeout(30)
    while len(got) < 20 * 100:
        got += s.recv(65536)
    wait_for("what was delivered to count as taken", lambda: p.destination()["queued_flows"] == 0)
    assert not p.destination()["acknowledges"]
    senders.close()
    s.close()
    listener.close()


def test_a_full_queue_drops_the_oldest_and_counts_them(proxy, folder):
    p = proxy(["127.0.0.1 1"], size="1M")
    t = steady(p, 1717000000, folder, flows=30000, rate=20000).wait()
    wait_for("all flows", lambda: p.counter("flows") >= t.sent["records"])
    d = p.destination()
    assert d["dropped_flows"] > 0 and d["queued_bytes"] <= 1 << 20
    assert d["dropped_flows"] + d["queued_flows"] == t.sent["records"]


def test_a_reload_changes_the_destinations_and_keeps_their_queues(collector, proxy):
    p, senders = proxy(["127.0.0.1 1"]), Senders()
    senders.send("127.0.0.1", w.message([w.template(), w.flows(5000, 20)]), p.port)
    wait_for("the flows in the queue", lambda: p.destination()["queued_flows"] == 20)
    p.to = ["127.0.0.1 1", "127.0.0.1 %d" % (collector.base + 3)]
    p.configure()
    p.process.send_signal(signal.SIGHUP)
    wait_for("two destinations", lambda: len(p.ask("destinations").get("destinations", ())) == 2)
    assert p.destination()["queued_flows"] == 20
    senders.send("127.0.0.1", w.message([w.template(), w.flows(5020, 20)], sequence=20), p.port)
    p.wait_empty(i=1)
    collector.wait_flows(20, w.span(), where=of(p))
    assert p.destination()["queued_flows"] == 40
    senders.close()


def test_what_is_wrong_with_a_configuration_is_said():
    r = subprocess.run([os.path.join(os.path.dirname(TOOLS), "bin", "ft-proxy"), "-c", "/nowhere/flowproxy.conf"], capture_output=True, text=True)
    assert r.returncode == 100 and "/nowhere/flowproxy.conf" in r.stderr
    assert guid() != guid()
