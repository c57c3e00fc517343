"""ft-exporter: packets of files and interfaces, counted to the byte as they were made, as tshark and as softflowd count them,
in each format it can send."""
import collections
import glob
import ipaddress
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading

import pytest

import captured
import encapsulated
import pcapfile
from flowtrove import BIN, ROOT, SOAK, wait_for

EXPORTER = os.path.join(BIN, "ft-exporter")
VERSIONS = (5, 9, 10)
# of real devices, where a folder of them lies beside the source: each takes a second with the others' programs
CAPTURES = sorted(glob.glob(os.path.join(ROOT, "tests/data/*.pcap")) + glob.glob(
    os.path.join(os.path.dirname(ROOT), "shared/captures/**/*.pcap*"), recursive=True)[:None if SOAK else 4])
# their frames have bytes behind the packet (padding, a check sequence): softflowd counts them, the IP header does not
BEHIND = {"sflow5_segv_malformed.pcap"}


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="capturing needs root")


class Collector:
    """A UDP port; what came, as ft-decode reads it."""

    def __init__(self, folder):
        self.folder, self.got = folder, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, 33):  # 33: SO_RCVBUFFORCE, if we may
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, option, 16 << 20)
            except PermissionError:
                pass
        self.socket.bind(("127.0.0.1", 0))
        self.where = "127.0.0.1:%d" % self.socket.getsockname()[1]

    def drain(self):
        self.socket.setblocking(False)
        try:
            while True:
                self.got.append(self.socket.recv(65536))
        except BlockingIOError:
            return self.got

    def decoded(self):
        """(flow records, summary)"""
        path = os.path.join(self.folder, "got.pcap")
        packets = []
        for payload in self.drain():
            packets.append(encapsulated.v4("127.0.0.1", "127.0.0.1", struct.pack(">HHHH", 9, 2055, 8 + len(payload), 0) + payload))
        encapsulated.write(path, packets, link=101)
        return captured.decode([path], "pcap")


def run(*args, code=0):
    r = subprocess.run([EXPORTER, *map(str, args)], capture_output=True, text=True, timeout=60)
    assert r.returncode == code, r.stderr
    return r.stderr


def exported(folder, path, version, *options):
    """(flow records, summary) of a file"""
    collector = Collector(folder)
    run("-r", path, "-n", collector.where, "-v", version, *options)
    return collector.decoded()


def sums(rows):
    total = collections.defaultdict(lambda: [0, 0])
    for r in rows:
        total[r["src_ip"], r["dst_ip"], r["proto"]][0] += r["packets"]
        total[r["src_ip"], r["dst_ip"], r["proto"]][1] += r["bytes"]
    return dict(total)


def told_by(version, expected):
    """NetFlow v5 has no IPv6."""
    return {k: v for k, v in expected.items() if version != 5 or ":" not in k[0]}


def clean(summary):
    assert (summary["sequence_gaps"], summary["undecodable"], summary["bad_datagrams"], summary["sets_waiting"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ("pcap", "nano", "pcapng"))
def test_whatever_a_packet_is_wrapped_in_it_counts_as_it_was_made(folder, version, form):
    frames, path = encapsulated.frames(), os.path.join(folder, "wrapped")
    if form == "pcapng":
        encapsulated.write_ng(path, [f.bytes for f in frames])
    else:
        encapsulated.write(path, [f.bytes for f in frames], nano=form == "nano")
    for side, options in (("outer", ()), ("inner", ("--tunnel",))):
        rows, summary = exported(folder, path, version, *options)
        assert sums(rows) == told_by(version, encapsulated.sums(frames, side))
        clean(summary)
        assert {r["first_ms"] // 1000 for r in rows} == {1750000000}
    fragments = [r for r in rows if r["bytes"] > 1208]
    assert len(fragments) == (1 if version == 5 else 2)  # with the ports of the first
    assert all((r["src_port"], r["dst_port"]) == (4000, 53) for r in fragments)


def test_tags_labels_and_addresses_of_stations_are_told(folder):
    path = os.path.join(folder, "tagged")
    p = encapsulated.v4("10.0.0.1", "10.0.0.2", encapsulated.udp(10))
    encapsulated.write(path, [encapsulated.ethernet(p, encapsulated.tag(100, 0x88a8), encapsulated.tag(7)),
                              encapsulated.MACS + b"\x88\x47" + encapsulated.labels(500) + p])
    rows, _ = exported(folder, path, 10)
    tagged, labelled = sorted(rows, key=lambda r: -r["vlan"])
    assert (tagged["vlan"], tagged["dot1q_cvlan"], tagged["src_mac"]) == (100, 7, "02:00:00:00:00:02")
    assert labelled["vlan"] == 0 and labelled["mpls_labels"] == [500]


@pytest.fixture(scope="module")
def talk(folder):
    path = os.path.join(folder, "talk.pcap")
    pcapfile.conversations(1750000000 * 1000000, 1500, seed=7).write(path)
    return path


@pytest.mark.skipif(not shutil.which("softflowd"), reason="softflowd is not installed")
@pytest.mark.parametrize("version", VERSIONS)
def test_softflowd_counts_the_same_in_every_capture_at_hand(folder, talk, version):
    for path in [talk, *CAPTURES]:
        collector = Collector(folder)
        subprocess.run(["softflowd", "-d", "-r", path, "-n", collector.where, "-v", str(version), "-m", "60000", "-6", "-p",
                        os.path.join(folder, "sf.pid"), "-c", "none"], check=True, capture_output=True, timeout=60)
        theirs, _ = collector.decoded()
        ours, summary = exported(folder, path, version)
        clean(summary)
        if os.path.basename(path) in BEHIND:
            continue
        assert sums(ours) == sums(theirs), path
        assert len(ours) > 1000 or path != talk


def test_the_three_formats_tell_the_same_flows(folder, talk):
    def flows(version):
        rows, summary = exported(folder, talk, version)
        clean(summary)
        return sorted([r[k] for k in ("src_ip", "dst_ip", "src_port", "dst_port", "proto", "packets", "bytes", "first_ms", "last_ms",
                                      "tcp_flags", "tos")] for r in rows if ":" not in r["src_ip"])
    v5, v9, ipfix = map(flows, VERSIONS)
    assert v5 == v9 == ipfix


def test_timeouts_closing_and_a_full_table_lose_nothing(folder, talk):
    usual = sums(exported(folder, talk, 10)[0])
    for options in (("-t", "active=1", "-t", "idle=1"), ("-m", "16"), ("-t", "idle=1h", "-t", "active=1h")):
        rows, summary = exported(folder, talk, 10, *options)
        clean(summary)
        assert sums(rows) == usual
        assert ("-m" in options) == any(r["end_reason"] == 5 for r in rows)
    closed = [r for r in exported(folder, talk, 10)[0] if r["proto"] == 6]
    assert closed and {r["end_reason"] for r in closed} <= {1, 2, 3, 4} and any(r["end_reason"] == 3 for r in closed)


def test_tcp_carries_the_same_as_udp(folder, talk):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        got = []

        def take():
            c, _ = s.accept()
            with c:
                while data := c.recv(65536):
                    got.append(data)
        t = threading.Thread(target=take)
        t.start()
        run("-r", talk, "-n", "127.0.0.1:%d" % s.getsockname()[1], "-P", "tcp", "-v", 10)
        t.join(30)
    path = os.path.join(folder, "stream")
    with open(path, "wb") as f:
        f.write(b"".join(got))
    rows, summary = captured.decode([path], "ipfix-stream")
    clean(summary)
    assert sums(rows) == sums(exported(folder, talk, 10)[0])


@root_only
def test_a_collector_that_is_away_gets_templates_again_when_it_is_back(folder):
    """IPFIX over TCP while it captures: what was sent by each connection can be read by itself, from its templates on."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        to.bind(("127.0.0.1", 0))
        where, port = listener.getsockname(), to.getsockname()[1]
        live = Live("lo", "%s:%d" % where, "-P", "tcp", "-t", "idle=1", "-t", "active=1", "udp", "dst", "port", str(port))
        heard = []

        def hear(until):
            """Bytes of one connection until a flow is in it."""
            c, got = listener.accept()[0], b""
            c.settimeout(30)
            while until not in got:
                s.sendto(b"x" * 100, ("127.0.0.1", port))
                try:
                    c.settimeout(0.2)
                    got += c.recv(65536)
                except TimeoutError:
                    pass
            heard.append(got)
            return c
        record = socket.inet_aton("127.0.0.1") * 2
        hear(record).close()
        second = hear(record)  # it comes again by itself
        listener.close()
        second.close()
        words = live.stop()
    assert "lost records" in words
    for got in heard:
        path = os.path.join(folder, "connection")
        with open(path, "wb") as f:
            f.write(got)
        rows, summary = captured.decode([path], "ipfix-stream")
        clean(summary)  # sequence numbers begin anew, and templates came first
        assert {(r["src_ip"], r["dst_port"]) for r in rows} == {("127.0.0.1", port)}


def test_sampled_counts_times_the_rate_come_near(folder, talk):
    whole = sum(r["packets"] for r in exported(folder, talk, 9)[0])
    for version in VERSIONS:
        rows, summary = exported(folder, talk, version, "-s", "4", "not", "ip6")
        clean(summary)
        assert {r["sampling"] for r in rows} == {4}
    some = exported(folder, talk, 9, "-s", "4")[0]
    assert abs(sum(r["packets"] for r in some) - whole / 4) <= 1


def test_a_filter_leaves_out_what_it_does_not_match(folder, talk):
    rows, _ = exported(folder, talk, 9, "udp", "port", "53")
    assert rows and all(r["proto"] == 17 and 53 in (r["src_port"], r["dst_port"]) for r in rows)
    everything, _ = exported(folder, talk, 9)
    want = [r for r in everything if r["proto"] == 17 and 53 in (r["src_port"], r["dst_port"])]
    assert sums(rows) == sums(want)
    assert "no such" not in run("-r", talk, "-n", "127.0.0.1:9", "udp prot 53", code=100)


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_tshark_counts_the_same_in_every_capture_at_hand(folder, talk):
    wrapped = os.path.join(folder, "wrapped.pcap")
    encapsulated.write(wrapped, [f.bytes for f in encapsulated.frames() if not f.pseudowire])  # tshark must be told of those
    for path in [talk, wrapped, *CAPTURES]:
        out = subprocess.run(["tshark", "-n", "-r", path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-T", "fields",
                              "-E", "occurrence=f", "-E", "separator=;", *(w for f in (
                                  "frame.protocols", "ip.src", "ip.dst", "ip.len", "ipv6.src", "ipv6.dst", "ipv6.plen")
                                  for w in ("-e", f))], capture_output=True, text=True).stdout
        want = collections.defaultdict(lambda: [0, 0])
        for line in out.splitlines():
            protocols, *v4, src, dst, size = line.split(";")
            first = next((p for p in protocols.split(":") if p in ("ip", "ipv6")), None)
            if first == "ip" and v4[0]:
                key, n = (v4[0], v4[1]), int(v4[2])
            elif first == "ipv6" and src:
                key, n = tuple(str(ipaddress.ip_address(a)) for a in (src, dst)), int(size) + 40
            else:
                continue
            want[key][0] += 1
            want[key][1] += n
        got = collections.defaultdict(lambda: [0, 0])
        rows, summary = exported(folder, path, 10)
        clean(summary)
        for (src, dst, _), (packets, size) in sums(rows).items():
            got[src, dst][0] += packets
            got[src, dst][1] += size
        assert got == want, path


def test_wrong_words_are_refused_with_the_remedy(folder):
    for args, words in ((("-i", "lo"), "-n HOST:PORT"), (("-n", "127.0.0.1:9"), "-i INTERFACE"),
                        (("-n", "127.0.0.1", "-r", "x"), "HOST:PORT"), (("-n", "127.0.0.1:9", "-r", "x", "-v", "7"), "10 (IPFIX)"),
                        (("-n", "127.0.0.1:9", "-r", "x", "-P", "tcp", "-v", "9"), "-v 10"),
                        (("-n", "127.0.0.1:9", "-r", "x", "-t", "idle"), "active=60")):
        r = subprocess.run([EXPORTER, *args], capture_output=True, text=True)
        assert r.returncode in (100, 111) and words in r.stderr, (args, r.stderr)
    garbage = os.path.join(folder, "garbage")
    with open(garbage, "wb") as f:
        f.write(b"no capture")
    assert "neither a pcap nor a pcapng" in run("-r", garbage, "-n", "127.0.0.1:9", code=111)


class Live:
    """An exporter on an interface, started; its ring is open once its process has become another user."""

    def __init__(self, nic, collector, *options, env=None):
        where = collector if isinstance(collector, str) else collector.where
        self.process = subprocess.Popen([EXPORTER, "-i", nic, "-n", where, *options], env={**os.environ, **(env or {})}, stderr=subprocess.PIPE, text=True)

        def ready():
            assert self.process.poll() is None, self.process.stderr.read()
            return "Uid:\t0" not in open("/proc/%d/status" % self.process.pid).read()
        wait_for("the exporter to give up its privileges", ready)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, words = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, words
        return words


@root_only
@pytest.mark.parametrize("way", [(), ("--libpcap",)])
def test_a_known_number_of_datagrams_over_lo_is_counted_once_each(folder, way):
    collector, n = Collector(folder), 5000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        to.bind(("127.0.0.1", 0))
        port = to.getsockname()[1]
        live = Live("lo", collector, "-v", "9", *way, "udp", "dst", "port", str(port))
        for _ in range(n):
            s.sendto(b"x" * 18, ("127.0.0.1", port))
        words = live.stop()
    rows, summary = collector.decoded()
    clean(summary)
    assert sums(rows) == {("127.0.0.1", "127.0.0.1", 17): [n, n * 46]}, words
    assert "dropped by the kernel 0" in words


OLD_KERNEL = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

int
setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
	static int (*real)(int, int, int, const void *, socklen_t);
	if (level == SOL_PACKET && name == PACKET_VERSION && *(const int *)value == TPACKET_V3) {
		errno = EINVAL;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
	return real(fd, level, name, value, n);
}

int
getsockopt(int fd, int level, int name, void *value, socklen_t *n)
{
	static int (*real)(int, int, int, void *, socklen_t *);
	if (level == SOL_PACKET && name == PACKET_HDRLEN && *(int *)value == TPACKET_V3) {
		errno = EINVAL;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getsockopt");
	return real(fd, level, name, value, n);
}
"""


@root_only
def test_a_kernel_without_the_ring_has_libpcap_capture(folder):
    library = os.path.join(folder, "old_kernel.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-o", library, "-", "-ldl"], input=OLD_KERNEL, text=True, check=True)
    collector, n = Collector(folder), 500
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        to.bind(("127.0.0.1", 0))
        port = to.getsockname()[1]
        live = Live("lo", collector, "udp", "dst", "port", str(port), env={
            "LD_PRELOAD": library, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})
        for _ in range(n):
            s.sendto(b"x" * 18, ("127.0.0.1", port))
        words = live.stop()
    rows, _ = collector.decoded()
    assert "libpcap captures instead" in words and sums(rows) == {("127.0.0.1", "127.0.0.1", 17): [n, n * 46]}


@root_only
@pytest.mark.skipif(not shutil.which("ip"), reason="iproute2 is not installed")
@pytest.mark.parametrize("way", [(), ("--libpcap",)])
def test_on_an_interface_it_counts_as_in_a_file(folder, way):
    a, b = "ftxa%d" % (os.getpid() % 100000), "ftxb%d" % (os.getpid() % 100000)
    if subprocess.run(["ip", "link", "add", a, "type", "veth", "peer", "name", b], capture_output=True).returncode != 0:
        pytest.skip("no veth pair can be made here")
    try:
        for nic in (a, b):
            subprocess.run(["ip", "link", "set", nic, "up"], check=True)
        wait_for("the pair to be up", lambda: open("/sys/class/net/%s/operstate" % b).read().strip() == "up")
        collector, frames = Collector(folder), encapsulated.frames()
        live = Live(b, collector, "-v", "10", *way)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind((a, 0))
            for f in frames:
                s.send(f.bytes)
        words = live.stop()
        rows, summary = collector.decoded()
        clean(summary)
        want = encapsulated.sums(frames)
        assert {k: v for k, v in sums(rows).items() if k in want} == want, words  # the machine may say something there itself
        index = socket.if_nametoindex(b)
        assert {(r["in_if"], r["out_if"]) for r in rows if (r["src_ip"], r["dst_ip"], r["proto"]) in want} == {(index, 0)}
        wrapped = {(r["vlan"], r["dot1q_cvlan"]) for r in rows}
        assert {(0, 0), (7, 0), (100, 7)} <= wrapped
    finally:
        subprocess.run(["ip", "link", "del", a], check=True)
