"""Real packets through Debian's softflowd, to Flowtrove and to nfcapd: both say the same."""
import collections
import csv
import glob
import ipaddress
import os
import shutil
import socket
import subprocess
import time

import pytest

import pcapfile
from flowtrove import SOAK, free_ports, wait_for

CONVERSATIONS = 20000 if SOAK else 2500
NUMBERS = {"ICMP": 1, "TCP": 6, "UDP": 17, "ICMP6": 58}

pytestmark = pytest.mark.skipif(not all(shutil.which(p) for p in ("softflowd", "nfcapd", "nfdump")),
                                reason="softflowd, nfcapd or nfdump is not installed")


def export(capture, folder, version):
    """The datagrams softflowd makes of a capture."""
    port = free_ports(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", port))
        p = subprocess.Popen(["softflowd", "-d", "-r", capture, "-n", "127.0.0.1:%d" % port, "-v", str(version), "-m", "60000",
                              "-p", os.path.join(folder, "sf.pid"), "-c", "none"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        out, end = [], time.monotonic() + 60
        s.settimeout(0.2)
        while time.monotonic() < end:
            try:
                out.append(s.recv(65536))
            except socket.timeout:
                if p.poll() is not None:
                    return out
        p.kill()
        p.wait()
        raise AssertionError("softflowd did not end")


class Nfcapd:
    def __init__(self, folder, port=None):
        self.folder, self.port = os.path.join(folder, "nfcapd"), port or free_ports(1)
        os.mkdir(self.folder)
        self.log = open(os.path.join(folder, "nfcapd.log"), "w")
        self.process = subprocess.Popen(["nfcapd", "-b", "127.0.0.1", "-p", str(self.port), "-w", self.folder, "-t", "3600",
                                         "-B", "2000000"],
                                        stdout=self.log, stderr=subprocess.STDOUT)

        def bound():
            return ("0100007F:%04X" % self.port) in open("/proc/net/udp").read()
        wait_for("nfcapd's port", bound)

    def received(self):
        """Nothing is left in its queue."""
        for line in open("/proc/net/udp"):
            if ("0100007F:%04X" % self.port) in line:
                return line.split()[4].endswith(":00000000")
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.file = [f for f in glob.glob(self.folder + "/nfcapd.2*")][0]

    def dump(self, *args):
        out = subprocess.run(["nfdump", "-r", self.file, "-q", "-o", "csv", *args], capture_output=True, text=True, check=True,
                             env={**os.environ, "TZ": "UTC"})
        return [row for row in csv.reader(out.stdout.splitlines()) if row]


@pytest.fixture(scope="module", params=[9, 10], ids=["v9", "ipfix"])
def both(request, launch):
    """(Flowtrove, nfcapd, frame) that took the same datagrams."""
    instance = launch("peers%d" % request.param, {"storage/storageinterval": 1})
    folder = os.path.join(instance.dir, "peers")
    os.mkdir(folder)
    start = (int(time.time()) - 400) * 1000000
    path = os.path.join(folder, "traffic.pcap")
    pcapfile.conversations(start, CONVERSATIONS, seed=request.param).write(path)
    datagrams = export(path, folder, request.param)
    assert datagrams
    other = Nfcapd(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i, d in enumerate(datagrams):
            for port in (instance.flow_port, other.port):
                s.sendto(d, ("127.0.0.1", port))
            if i % 50 == 49:
                wait_for("nfcapd to keep up", other.received, pause=0.005)
    wait_for("nfcapd to read all", other.received)
    other.stop()
    span = start - 3600000000, start + 7200000000
    instance.wait_flows(len(other.dump()), span)
    return instance, other, span


def test_the_same_bytes_packets_and_flows(both):
    instance, other, span = both
    rows = other.dump()
    total = instance.totals(span)
    assert (total["flows"], total["packets"], total["bytes"]) == (
        len(rows), sum(int(r[11]) for r in rows), sum(int(r[12]) for r in rows))


@pytest.mark.parametrize("count,column", [("BYTES", 9), ("PACKETS", 7), ("UPDATES", 5)])
def test_the_same_top_20_addresses(both, count, column):
    instance, other, span = both
    stat = {"BYTES": "ip/bytes", "PACKETS": "ip/packets", "UPDATES": "ip/flows"}[count]
    theirs = {r[4]: int(r[column]) for r in other.dump("-s", stat, "-n", "20")[1:21]}
    every = {r[4]: int(r[column]) for r in other.dump("-s", stat, "-n", "0")[1:] if len(r) > column}
    ours = instance.view("IP", count, span=span, rows=20)["rows"]
    assert sorted(r["value"] for r in ours) == sorted(theirs.values())
    assert {r["key"]: r["value"] for r in ours} == {r["key"]: every[r["key"]] for r in ours}


def test_pairs_and_sessions_equal_the_bidirectional_view(both):
    instance, other, span = both
    amounts, sessions = collections.Counter(), collections.Counter()
    for r in other.dump("-B"):
        pair = tuple(sorted((r[3], r[4])))
        amounts[pair + ("BYTES",)] += int(r[12]) + int(r[14])
        amounts[pair + ("PACKETS",)] += int(r[11]) + int(r[13])
        if r[7] in ("TCP", "UDP"):
            sessions[pair] += 1
    for count in ("BYTES", "PACKETS"):
        rows = instance.view("IPPAIR", count, span=span, rows=100000)["rows"]
        ours = {tuple(sorted(r["key"])): r["value"] for r in rows}
        assert ours == {k[:2]: v for k, v in amounts.items() if k[2] == count}
    rows = instance.view("IPPAIR", "SESSIONS", span=span, rows=100000, where="PROTO == TCP || PROTO == UDP")["rows"]
    assert {tuple(sorted(r["key"])): r["value"] for r in rows} == dict(sessions)


def test_each_session_has_the_peers_figures(both):
    instance, other, span = both
    theirs = collections.Counter()
    for r in other.dump("-B"):
        if r[7] in ("TCP", "UDP"):
            ends = sorted([(r[3], r[5], r[11], r[12]), (r[4], r[6], r[13], r[14])])
            theirs[(NUMBERS[r[7]],) + tuple(ends)] += 1
    ours = collections.Counter()
    for s in instance.sessions(span, "PROTO == TCP || PROTO == UDP"):
        ends = sorted([(str(ipaddress.ip_address(s[e + "_ip"])), s[e + "_port"], s[e + "_packets"], s[e + "_bytes"])
                       for e in ("client", "server")])
        ours[(int(s["proto"]),) + tuple(ends)] += 1
        assert s["client_ip"].startswith(("10.7.", "2001:db8:c:")), "the client of %r is wrong" % s
    assert ours == theirs, "%r instead of %r" % (list((ours - theirs).items())[:2], list((theirs - ours).items())[:2])
