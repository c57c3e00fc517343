"""IPFIX over TCP and TLS: whatever way the bytes come, every flow is there once, and a sender that misbehaves harms only itself."""
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

import ipfixwire as w
from flowtrove import SOAK, free_ports, wait_for
from rpcclient import Client

CONNECTIONS = 1000
ROUNDS = 30 if SOAK else 3


class Senders:
    """Hands out flow numbers, so that each test knows what must be there after it."""

    def __init__(self):
        self.sent = 0

    def flows(self, count, **more):
        first, self.sent = self.sent, self.sent + count
        return w.flows(first, count, **more)


@pytest.fixture(scope="module")
def certificates(folder):
    """A private authority, a certificate of the collector, one of an exporter, and one of somebody else's."""
    def run(*args):
        subprocess.run(["openssl", *args], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for ca in ("ca", "other"):
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", ca + ".key", "-out",
            ca + ".pem", "-days", "30", "-subj", "/CN=test " + ca)
    for name, ca in (("collector", "ca"), ("exporter", "ca"), ("stranger", "other")):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name + ".key", "-out",
            name + ".csr", "-subj", "/CN=" + name)
        run("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial", "-days", "30",
            "-out", name + ".pem")
    return lambda name: os.path.join(folder, name)


@pytest.fixture(scope="module")
def tcp(launch, certificates):
    secret = free_ports(1)
    i = launch("tcp", {"storage/storageinterval": 1, "netflow/ipfixtlsport": secret, "netflow/maxconnections": CONNECTIONS,
                       "netflow/tlscertfile": certificates("collector.pem"), "netflow/tlskeyfile": certificates("collector.key"),
                       "netflow/tlscafile": certificates("ca.pem")})
    i.tcp_port, i.tls_port = i.base + 3, secret
    i.senders = Senders()
    return i


def ingest(i, op):
    """An answer of ft-ingest's control socket; {} while it can't be asked."""
    c = Client("ipc://%s/ingest.ctl" % i.setting("rundir"), 2)
    try:
        return c.ask(op)[0]
    except AssertionError:
        return {}
    finally:
        c.close()


def count(i, name):
    return wait_for("an answer of ft-ingest", lambda: ingest(i, "counters").get("counters"))[name]


def wait_count(i, name, value, seconds=30):
    return wait_for("%s to be %d" % (name, value), lambda: count(i, name) >= value, seconds)


def check(i):
    """Every flow sent so far is decoded, once: the counter is exact, across kills too."""
    wait_for("%d flows" % i.senders.sent, lambda: count(i, "flows") >= i.senders.sent)
    assert count(i, "flows") == i.senders.sent


def check_stored(i):
    """Every flow sent so far can be queried, once."""
    got = i.wait_flows(i.senders.sent, w.span())
    assert (got["flows"], got["bytes"], got["packets"]) == (i.senders.sent, i.senders.sent * 1000, i.senders.sent)


def open_now(i):
    return count(i, "tcp_connections")


def close_all(i, connections):
    for s in connections:
        s.close()
    wait_for("the connections to be gone", lambda: open_now(i) == 0)


def test_a_message_may_be_cut_at_every_byte(tcp):
    size = len(w.message([w.template(), w.flows(0, 2)]))
    cut = [(w.connect(tcp.tcp_port), w.message([w.template(), tcp.senders.flows(2)]), at) for at in range(1, size)]
    for s, message, at in cut:
        s.sendall(message[:at])
    wait_for("the first parts to be seen", lambda: open_now(tcp) == len(cut))
    for s, message, at in cut:
        s.sendall(message[at:])
    check(tcp)
    close_all(tcp, [c[0] for c in cut])


def test_bytes_one_by_one_and_a_message_of_the_greatest_length(tcp):
    slow, long = w.connect(tcp.tcp_port), w.connect(tcp.tcp_port)
    for byte in w.message([w.template(), tcp.senders.flows(3)]):
        slow.sendall(bytes([byte]))
    message = w.message([w.template(), tcp.senders.flows(1450)])
    message += b""
    pad = 65535 - len(message)
    filler = w.a_set(2, struct.pack("!HH", 999, 1) + struct.pack("!HH", 210, 1) + bytes(pad - 12)) if pad >= 12 else b""
    whole = w.message([message[16:], filler])
    assert len(whole) == 65535
    for at in range(0, len(whole), 1000):
        long.sendall(whole[at:at + 1000])
    long.sendall(w.message([tcp.senders.flows(1)], sequence=1450))
    check(tcp)
    close_all(tcp, [slow, long])


def test_a_thousand_connections_at_once(tcp):
    before = count(tcp, "sequence_gaps")
    many = [w.connect(tcp.tcp_port) for _ in range(CONNECTIONS)]
    for s in many:
        s.sendall(w.message([w.template()]))
    wait_for("all to be taken", lambda: open_now(tcp) == CONNECTIONS)
    for turn in range(3):
        for s in many:
            s.sendall(w.message([tcp.senders.flows(2)], sequence=2 * turn))
    check(tcp)
    assert count(tcp, "sequence_gaps") == before, "connections count for themselves"
    listed = ingest(tcp, "connections")["connections"]
    assert len(listed) == CONNECTIONS and all(c["messages"] == 4 and c["kept"] for c in listed)
    assert "%d connections" % CONNECTIONS in tcp.ask("ft-ctl", "status", "-c", tcp.conf, user=None)
    with w.connect(tcp.tcp_port) as late:
        assert late.recv(1) == b"", "one more is refused"
    assert count(tcp, "tcp_refused") == 1 and "maxconnections" in tcp.log("ingest")
    many.pop().close()
    wait_for("room", lambda: open_now(tcp) == CONNECTIONS - 1)
    many.append(w.connect(tcp.tcp_port))
    many[-1].sendall(w.message([w.template(), tcp.senders.flows(1)]))
    check(tcp)
    close_all(tcp, many)


def test_stalled_half_closed_and_wrong_ones_harm_only_themselves(tcp):
    before = {n: count(tcp, n) for n in ("tcp_bad", "tcp_cut")}
    good = w.connect(tcp.tcp_port)
    good.sendall(w.message([w.template(), tcp.senders.flows(1)]))
    stalled = w.connect(tcp.tcp_port)
    stalled.sendall(w.message([w.template(), w.flows(0, 1000)])[:20000])
    bad = []
    for what in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("!HHIII", 9, 100, 0, 0, 0), struct.pack("!HH", 10, 15),
                 struct.pack("!HHIII", 10, 0, 0, 0, 0), b"\0"*16, b"\xff"*70000):
        s = w.connect(tcp.tcp_port)
        s.sendall(w.message([w.template(), tcp.senders.flows(1)]) + what)
        bad.append(s)
    for s in bad:
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
    wait_count(tcp, "tcp_bad", before["tcp_bad"] + len(bad))
    half = w.connect(tcp.tcp_port)  # done sending, still listening
    half.sendall(w.message([w.template(), tcp.senders.flows(4)]))
    half.shutdown(socket.SHUT_WR)
    assert half.recv(1) == b""
    broken = w.connect(tcp.tcp_port)
    broken.sendall(w.message([w.template(), tcp.senders.flows(4)]) + w.message([w.flows(0, 4)])[:-1])
    broken.close()
    wait_count(tcp, "tcp_cut", before["tcp_cut"] + 1)
    good.sendall(w.message([tcp.senders.flows(100)], sequence=1))
    check(tcp)
    log = tcp.log("ingest")
    assert "its version is not 10" in log and "below the 16 bytes" in log and "in the middle of a message" in log
    close_all(tcp, [good, stalled, half] + bad)


def test_templates_are_of_one_connection_and_may_be_withdrawn_and_used_again(tcp):
    swapped = tuple((12, 4) if f == (8, 4) else (8, 4) if f == (12, 4) else f for f in w.FIELDS)
    before = {n: count(tcp, n) for n in ("sets_dropped", "sequence_gaps")}
    one, two = w.connect(tcp.tcp_port), w.connect(tcp.tcp_port)
    one.sendall(w.message([w.template()]))
    two.sendall(w.message([w.template(fields=swapped)]))
    one.sendall(w.message([tcp.senders.flows(3)]))
    two.sendall(w.message([tcp.senders.flows(3)]))
    # withdrawn and taught anew in the same message, in the order of the wire
    one.sendall(w.message([tcp.senders.flows(2), w.withdrawal(), w.template(fields=swapped), tcp.senders.flows(2)], sequence=3))
    check_stored(tcp)
    where = "CLNIP == 192.0.2.1"
    assert tcp.totals(w.span(), where)["flows"] == 5
    # without its template data waits, and a connection takes to its grave what it has not explained
    one.sendall(w.message([w.a_set(2, struct.pack("!HH", 2, 0)), w.flows(0, 4)], sequence=7))
    wait_for("the set to wait", lambda: count(tcp, "sets_waiting") == 1)
    close_all(tcp, [one, two])
    wait_count(tcp, "sets_dropped", before["sets_dropped"] + 1)
    three = w.connect(tcp.tcp_port)
    three.sendall(w.message([w.flows(0, 4)]))
    wait_for("the set to wait", lambda: count(tcp, "sets_waiting") == 1)
    close_all(tcp, [three])
    gap = w.connect(tcp.tcp_port)
    gap.sendall(w.message([w.template(), tcp.senders.flows(1)], sequence=100) + w.message([tcp.senders.flows(1)], sequence=111))
    check(tcp)
    assert count(tcp, "sequence_gaps") == before["sequence_gaps"] + 10
    close_all(tcp, [gap])


def test_killed_in_the_middle_of_streams_nothing_is_lost_or_counted_twice(tcp):
    dice = random.Random(7)
    lost, gaps = count(tcp, "tcp_lost"), count(tcp, "sequence_gaps")
    streams = [w.connect(tcp.tcp_port) for _ in range(20)]
    stop, failed = threading.Event(), []

    def send(number, s):
        r, sequence = random.Random(number), 0
        s.sendall(w.message([w.template()], domain=number))
        while not stop.is_set():
            n = r.randrange(1, 60)
            with lock:
                body = tcp.senders.flows(n)
            m = w.message([body], sequence, domain=number)
            sequence += n
            at = r.randrange(len(m))
            s.sendall(m[:at])
            time.sleep(0.01)  # a pause in the middle of a message is what is tested; and no more than a slow machine stores
            s.sendall(m[at:])

    def guard(*args):
        try:
            send(*args)
        except OSError as e:
            failed.append(e)
    lock = threading.Lock()
    threads = [threading.Thread(target=guard, args=a) for a in enumerate(streams)]
    for t in threads:
        t.start()
    for _ in range(ROUNDS):
        time.sleep(dice.uniform(0.2, 0.6))  # a random moment
        tcp.wait_restarted("ingest", tcp.kill("ingest", signal.SIGKILL))
    time.sleep(dice.uniform(0.2, 0.4))  # a random moment
    stop.set()
    for t in threads:
        t.join()
    assert not failed, "a connection did not outlive the kills: %r" % failed
    check_stored(tcp)
    wait_for("the counters to be back", lambda: open_now(tcp) == len(streams))
    assert count(tcp, "tcp_lost") == lost and count(tcp, "undecodable") == 0
    assert count(tcp, "sequence_gaps") == gaps
    close_all(tcp, streams)


def test_an_orderly_restart_takes_connections_over(tcp):
    s = w.connect(tcp.tcp_port)
    s.sendall(w.message([w.template(), tcp.senders.flows(10)]) + w.message([tcp.senders.flows(10)], 10)[:100])
    check_first = tcp.senders.sent - 10
    wait_for("the first message", lambda: count(tcp, "flows") == check_first)
    tcp.wait_restarted("ingest", tcp.kill("ingest", signal.SIGTERM))
    s.sendall(w.message([w.flows(check_first, 10)], 10)[100:])
    check(tcp)
    close_all(tcp, [s])


def tls(tcp, certificates, name=None, version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(certificates("ca.pem"))
    c.check_hostname = False
    if version:
        c.minimum_version = c.maximum_version = version
    if name:
        c.load_cert_chain(certificates(name + ".pem"), certificates(name + ".key"))
    return c.wrap_socket(w.connect(tcp.tls_port))


def test_tls_with_and_without_a_certificate_of_the_exporter(tcp, certificates):
    failed = count(tcp, "tls_failed")
    for name, version in ((None, ssl.TLSVersion.TLSv1_2), (None, ssl.TLSVersion.TLSv1_3), ("exporter", None)):
        with tls(tcp, certificates, name, version) as s:
            m = w.message([w.template(), tcp.senders.flows(1000)]) + w.message([tcp.senders.flows(7)], 1000)
            for at in range(0, len(m), 999):
                s.sendall(m[at:at + 999])
            check(tcp)
    for attempt in (lambda: tls(tcp, certificates, "stranger", ssl.TLSVersion.TLSv1_2), lambda: w.connect(tcp.tls_port)):
        try:
            with attempt() as s:
                s.sendall(w.message([w.template(), w.flows(0, 1)]))
                assert s.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            pass
    wait_count(tcp, "tls_failed", failed + 2)
    wait_for("the connections to be gone", lambda: open_now(tcp) == 0)
    assert "its certificate: " in tcp.log("ingest")


def test_tls_ends_with_the_process_and_that_is_counted(tcp, certificates):
    lost = count(tcp, "tcp_lost")
    with tls(tcp, certificates) as s:
        s.sendall(w.message([w.template(), tcp.senders.flows(10)]))
        check(tcp)
        tcp.wait_restarted("ingest", tcp.kill("ingest", signal.SIGKILL))
        try:
            assert s.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            pass
    wait_count(tcp, "tcp_lost", lost + 1)
    with tls(tcp, certificates) as s:
        s.sendall(w.message([w.template(), tcp.senders.flows(10)]))
        check(tcp)


def test_only_exporters_with_a_certificate_when_that_is_asked_for(tcp, certificates):
    tcp.configure({"netflow/tlsclientcert": "yes"})
    tcp.wait_restarted("ingest", tcp.kill("ingest", signal.SIGTERM))
    failed = count(tcp, "tls_failed")
    try:
        with tls(tcp, certificates) as s:
            s.sendall(w.message([w.template(), w.flows(0, 1)]))
            assert s.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        pass
    wait_count(tcp, "tls_failed", failed + 1)
    with tls(tcp, certificates, "exporter") as s:
        s.sendall(w.message([w.template(), tcp.senders.flows(10)]))
        check(tcp)


def test_all_that_was_sent_is_stored_once(tcp):
    check_stored(tcp)
