"""By way of ft-proxy flows arrive as they would have come themselves, once, whatever is killed on the way; and whose they are stays
known."""
import collections
import itertools
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import ipfixwire as w
from captured import Senders
from checked import Checked
from flowtrove import BIN, SOAK, TOOLS, Traffic, free_ports, wait_for
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
    """Stands between proxy and collector, and cuts each connection after some bytes: in the middle of a message.  It can be away
    for a while, and slow."""

    def __init__(self, to, cuts, rate=None):
        self.listener, self.to, self.cuts, self.made = socket.create_server(("127.0.0.1", 0)), to, list(cuts), 0
        self.port, self.rate, self.open, self.there = self.listener.getsockname()[1], rate, set(), True
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            if not self.there:
                near.close()
                continue
            self.made += 1
            limit = self.cuts.pop(0) if self.cuts else None
            far = socket.create_connection(("127.0.0.1", self.to))
            self.open |= {near, far}
            threading.Thread(target=self.copy, args=(far, near, None), daemon=True).start()
            threading.Thread(target=self.copy, args=(near, far, limit), daemon=True).start()

    def pause(self):
        self.there = False
        self.shut()

    def resume(self):
        self.there = True

    def shut(self):
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.shut()

    def copy(self, a, b, limit):
        if self.rate:  # a window of what it takes in a tenth of a second
            a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            while True:
                piece = a.recv(4096 if limit is None else min(4096, limit))
                if not piece:
                    break
                if self.rate:
                    time.sleep(len(piece) / self.rate)  # to be slow is what it is for
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
        self.open -= {a, b}


def test_connections_that_are_cut_in_the_middle_of_a_message(collector, proxy, folder):
    dice = random.Random(7)
    cutter = Cutter(collector.base + 3, [dice.randrange(1, 60000) for _ in range(8)])
    p = proxy(["127.0.0.1 %d" % cutter.port])
    t = steady(p, 1715000000, folder, flows=6000, kind="ipfix").wait()
    same_as_truth(collector, p, t)
    wait_for("all cuts to be made", lambda: cutter.made > 1)
    cutter.close()


def test_a_destination_that_is_slow_holds_nobody_up_and_gets_everything(collector, proxy, folder):
    """One takes 100 KB a second, another all it gets; neither exporters nor the quick one wait for the slow one."""
    slow = Cutter(collector.base + 3, [], rate=100000)
    p = proxy(["127.0.0.1 %d" % slow.port, "127.0.0.1 %d" % (collector.base + 3)])
    t = steady(p, 1718000000, folder).wait()
    p.wait_empty(t.sent["records"], i=1)
    assert p.destination(0)["queued_flows"] > 0 and p.destination(0)["connected"]
    p.wait_empty(t.sent["records"], i=0)
    assert p.counter("dropped_flows") == p.counter("kernel_drops") == p.counter("sequence_gaps") == 0
    collector.wait_flows(2 * t.sent["records"], t.span, where=of(p))  # by two ways, each once
    got = collector.totals(t.span, of(p))
    assert (got["flows"], got["bytes"]) == (2 * t.sent["records"], 2 * t.sent["bytes"])
    slow.close()


def numbered(p, senders, numbers, kills=()):
    """Datagrams of ten flows each, by number; the proxy is killed, and started again, before some of them."""
    for n in numbers:
        if n in kills:
            p.kill()
            p.start()
        senders.send("127.0.0.1", w.message([w.template(), w.flows(10 * n, 10)], sequence=10 * n, when=1716000000), p.port)


def test_a_proxy_that_is_killed_loses_one_datagram_at_most_and_counts_it(collector, proxy, folder):
    """With a keeper of its sockets, as systemd is one; its destination is away, so that it is killed with a queue, and then is back."""
    cutter = Cutter(collector.base + 3, [])
    p = proxy(["127.0.0.1 %d" % cutter.port])
    keeper = subprocess.Popen([os.path.join(os.path.dirname(TOOLS), "bin", "ft-sockets"), "-c", p.conf, "-f"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the keeper", lambda: os.path.exists(os.path.join(p.dir, "run", "sockets.keep")))
        p.kill(signal.SIGTERM)  # so that it finds the keeper
        p.start()
        senders, total, lost, kills = Senders(), 1500, 0, []
        numbered(p, senders, range(1))
        p.wait_empty(10)
        cutter.pause()
        threads = threading.Thread(target=numbered, args=(p, senders, range(1, total)))
        threads.start()
        for _ in range(4):  # wherever it is
            before = p.counter("datagrams")
            wait_for("progress", lambda: p.counter("datagrams") > before or not threads.is_alive())
            p.kill()
            p.start()
            kills.append(1)
            lost += p.counter("interrupted")
        threads.join()
        assert p.destination()["queued_flows"] > 0
        cutter.resume()
        # the last datagram has come: whatever was before it, too
        stored = of(p)
        collector.wait_flows(10, w.span(), where="%s && CLNIP == 10.0.58.0/24" % stored)
        p.wait_empty()
        got = wait_for("all but what was in hand", lambda: (lambda t: t["flows"] >= 10 * (total - lost) and t)(collector.totals(w.span(), stored)))
        missing = 10 * total - got["flows"]
        assert 0 <= missing <= 10 * lost <= 10 * len(kills) and missing % 10 == 0, (missing, lost)
        assert got["bytes"] == got["flows"] * 1000
        sessions = collector.sessions(w.span(), stored)
        assert all(int(s["client_flows"]) + int(s["server_flows"]) == 1 for s in sessions), "a flow is there twice"
        senders.close()
    finally:
        keeper.kill()
        keeper.wait()
        cutter.close()


def test_two_tenants_with_the_same_addresses_see_their_own_alone(collector, proxy):
    """By every way there is to ask: sessions, slices, rankings, totals, exporters, and as a filter that asks for the other's."""
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
        other = tenants[1 - n]
        who = {"user": "tenant%d" % n, "password": "pass-word-%d" % n}

        def ask(program, *args):
            r = collector.run(program, *args, *collector.frame(w.span()), **who)
            assert r.returncode == 0, r.stderr
            assert other.guid not in r.stdout
            return r.stdout
        rows = ask("ftsq", "-c").splitlines()
        assert len(rows) == 50 and all(p.guid in row for row in rows)
        assert ask("ftsq", "-c", "-q", of(other)).splitlines() == []
        assert len(ask("ftsq", "-c", "-q", "%s || %s" % (of(other), of(p))).splitlines()) == 50
        assert len(ask("ftsq", "-j", "-slices").splitlines()) == 50
        for entity in ("GUID", "IP", "IPPAIR", "EXPORTER", "PROTO"):
            ranked = json.loads(ask("ftstat", "-j", "-grp", entity, "-cnt", "BYTES", "-r", "100"))
            assert ranked["total"]["bytes"] == 50 * (100 + n), entity
        assert p.guid in ask("ftstat", "-j", "-grp", "GUID", "-cnt", "BYTES")
        c = Checked("tcp://127.0.0.1:%d" % collector.base)
        listed = c.last("exporters.list", who)
        c.close()
        assert [(e["address"], e["guid"]) for e in listed["exporters"]] == [("127.0.0.1", p.guid)]
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
    said = subprocess.run([os.path.join(BIN, "ft-ctl"), "status", "-c", good.conf], capture_output=True, text=True)
    assert said.returncode == 0 and good.guid in said.stdout and "(TLS): connected" in said.stdout and "50 taken, 0 queued" in said.stdout
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


def test_exporters_by_tcp_and_tls_arrive_as_they_would_at_the_collector(collector, proxy, certificates):  # noqa: F811
    secret = free_ports(2)
    p = proxy(listen="ipfixtcpport %d\n\tipfixtlsport %d\n\ttlscertfile %s\n\ttlskeyfile %s\n\ttlscafile %s\n\ttlsclientcert yes" % (
        secret, secret + 1, certificates("collector.pem"), certificates("collector.key"), certificates("ca.pem")))
    messages = [w.message([w.template()])] + [w.message([w.flows(10 * n, 10)], sequence=10 * n) for n in range(20)]
    stream = b"".join(messages)
    plain, bad = w.connect(secret), w.connect(secret)
    bad.sendall(b"GET / HTTP/1.0\r\n\r\n")
    for at in range(0, len(stream), 777):  # messages are cut anywhere
        plain.sendall(stream[at:at + 777])
    p.wait_empty(200)
    assert bad.recv(1) == b""
    context = ssl.create_default_context(cafile=certificates("ca.pem"))
    context.check_hostname = False
    refused = context.wrap_socket(w.connect(secret + 1), suppress_ragged_eofs=True)
    try:
        refused.sendall(stream)
        assert refused.recv(1) == b""
    except OSError:
        pass  # an alert: no certificate was shown
    context.load_cert_chain(certificates("exporter.pem"), certificates("exporter.key"))
    with context.wrap_socket(w.connect(secret + 1)) as s:
        s.sendall(w.message([w.template()]) + w.message([w.flows(500, 100)]))
        p.wait_empty(300)
    plain.close()
    wait_for("the ends of connections", lambda: p.counter("tcp_connections") == 0)
    assert (p.counter("tcp_bad"), p.counter("tls_failed"), p.counter("tcp_broken"), p.counter("sequence_gaps")) == (1, 1, 0, 0)
    got = collector.wait_flows(300, w.span(), where=of(p))
    assert (got["flows"], got["bytes"]) == (300, 300000)


def test_what_was_dropped_is_a_gap_of_the_proxys_connection_at_the_collector(collector, proxy, folder):
    cutter = Cutter(collector.base + 3, [])
    p = proxy(["127.0.0.1 %d" % cutter.port], size="1M")
    senders = Senders()
    numbered(p, senders, range(5))
    p.wait_empty(50)
    cutter.pause()
    t = steady(p, 1719000000, folder, flows=30000, rate=20000).wait()
    wait_for("all flows", lambda: p.counter("flows") >= 50 + t.sent["records"])
    cutter.resume()
    p.wait_empty()
    dropped = p.destination()["dropped_flows"]
    assert dropped > 0
    collector.wait_flows(t.sent["records"] - dropped, t.span, where=of(p))

    def connection():
        """Of the collector's exporters the one that is this proxy: its connection, with gaps."""
        listed = json.loads(collector.ask("ft-ctl", "exporters", "-c", collector.conf, "-j", user=None))
        return [s for e in listed if e["guid"] is None for s in e["sources"] if s["sequence_gaps"] == dropped]
    wait_for("a source with as many gaps", connection)
    listed = json.loads(collector.ask("ft-ctl", "exporters", "-c", collector.conf, "-j", user=None))
    behind = [e for e in listed if e["guid"] == p.guid]
    assert behind and all(s["proxy"] == "127.0.0.1" and s["sequence_gaps"] == 0 for e in behind for s in e["sources"])
    text = collector.ask("ft-ctl", "exporters", "-c", collector.conf, user=None)
    assert "behind a proxy at 127.0.0.1: 127.0.0.1@" + p.guid in text
    one = collector.ask("ft-ctl", "exporters", "-c", collector.conf, "127.0.0.1@" + p.guid, user=None)
    assert p.guid in one
    senders.close()
    cutter.close()


def test_a_proxy_at_rest_takes_little_memory(proxy):
    p = proxy(["127.0.0.1 1"])
    senders = Senders()
    senders.send("127.0.0.1", w.message([w.template(), w.flows(0, 20)]), p.port)
    wait_for("the flows", lambda: p.counter("flows") == 20)
    status = open("/proc/%d/status" % p.process.pid).read()
    if "asan" not in BIN:
        assert int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) <= 20 * 1024
    senders.close()


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
