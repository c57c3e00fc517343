"""sFlow 2, 4 and 5 from the wire to sessions: sampled packets, scaled by their rate, none lost, also when ingest is killed."""
import collections
import ipaddress
import json
import os
import random
import socket
import struct
import subprocess
import time

import pytest

import pcapfile
from flowtrove import BIN, ROOT, wait_for

RATE = 128
AGENTS = ("198.51.100.7", "198.51.100.8")
VERSIONS = {2: 18, 4: 20, 5: 21}


def words(*values):
    return struct.pack(">%dI" % len(values), *values)


def opaque(data):
    return data + b"\0" * (-len(data) % 4)


def frame(length, src, dst, sport, dport):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 6, 0, socket.inet_aton(src), socket.inet_aton(dst))
    tcp = struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x50, 0x10, 8192, 0, 0)
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x81\0\0\x64\x08\0" + ip + tcp


def sample(version, number, packet):
    header = frame(*packet)
    if version == 5:
        record = words(1, packet[0] + 22, 4, len(header)) + opaque(header)
        body = words(number, 7, RATE, number * RATE, 0, 7, 8, 1, 1, len(record)) + record
        return words(1, len(body)) + body
    return (words(1, number, 7, RATE, number * RATE, 0, 7, 8, 1, 1, packet[0] + 22, len(header)) + opaque(header) +
            words(1, 1, 100, 0, 100, 0))


def datagram(version, agent, sequence, samples):
    return (words(version, 1) + socket.inet_aton(agent) + (words(0) if version == 5 else b"") +
            words(sequence, sequence * 100, len(samples)) + b"".join(samples))


class Agent:
    """One switch; what it has sent is known."""

    def __init__(self, version, address, port, seed):
        self.version, self.address, self.port = version, address, port
        self.dice = random.Random(seed)
        self.sequence = self.samples = self.packets = self.bytes = 0
        self.net = VERSIONS[version]

    def send(self, s, datagrams):
        for _ in range(datagrams):
            samples = []
            for _ in range(6):
                self.samples += 1
                length = self.dice.randrange(40, 1501)
                packet = (length, "10.%d.0.%d" % (self.net, self.dice.randrange(1, 20)), "192.0.2.%d" % self.dice.randrange(1, 20),
                          self.dice.randrange(30000, 30010), 443)
                samples.append(sample(self.version, self.samples, packet))
                self.packets += RATE
                self.bytes += RATE * length
            self.sequence += 1
            s.sendto(datagram(self.version, self.address, self.sequence, samples), ("127.0.0.1", self.port))


@pytest.fixture(scope="module")
def agents(instance):
    began = int(time.time() * 1e6) - 1000000
    all_agents = [Agent(v, a, instance.base + 4, seed=v) for v in VERSIONS for a in AGENTS]
    # another port takes it as well: a datagram says itself what it is
    all_agents[-1].port = instance.flow_port
    old = None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for turn in range(10):
            for a in all_agents:
                a.send(s, 5)
            if turn == 4:
                wait_for("flows to come in", lambda: instance.counter("ingest", "flows"))
                old = instance.pid("ingest")
                instance.kill("ingest")
    instance.wait_restarted("ingest", old)
    span = (began, int(time.time() * 1e6) + 60000000)
    instance.wait_flows(sum(a.samples for a in all_agents), span)
    return all_agents, span


def test_every_sample_is_counted_once_and_scaled_by_its_rate(instance, agents):
    all_agents, span = agents
    total = instance.totals(span)
    assert total["flows"] == sum(a.samples for a in all_agents)
    assert total["packets"] == sum(a.packets for a in all_agents)
    assert total["bytes"] == sum(a.bytes for a in all_agents)
    assert instance.counter("ingest", "sequence_gaps") == 0
    assert instance.counter("ingest", "undecodable") == 0


def test_the_agent_is_the_exporter_whatever_port_and_version(instance, agents):
    all_agents, span = agents
    rows = instance.session_objects(span)
    for a in all_agents:
        mine = [r for r in rows if r["exporter_ip"] == a.address and r["export_version"] == VERSIONS[a.version]]
        assert sum(r["client_packets"] + r["server_packets"] for r in mine) == a.packets
        assert sum(r["client_bytes"] + r["server_bytes"] for r in mine) == a.bytes
        assert {r["sampling_rate"] for r in mine} == {RATE}
        assert {(r["in_if"], r["out_if"]) for r in mine} <= {(7, 8), (8, 7)}
        assert {r["client_vlan"] for r in mine if r["client_packets"]} == {100}


def transport(proto, payload):
    """Ports, or for ICMP what stands in for them."""
    if proto in (6, 17):
        return struct.unpack(">HH", payload[:4])
    return payload[0], payload[1]


def captured():
    """What conversations() puts on the wire, packet by packet, as ft-decode names it."""
    for _, packet in pcapfile.conversations(1750000000000000, 30, seed=11).packets:
        v6 = packet[12:14] == b"\x86\xdd"
        ip = packet[14:]
        proto, head = (ip[6], 40) if v6 else (ip[9], 20)
        src, dst = (ip[8:24], ip[24:40]) if v6 else (ip[12:16], ip[16:20])
        yield (str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), proto, *transport(proto, ip[head:]), len(ip),
               len(packet))


def test_the_samples_of_pmacct_are_the_packets_it_saw():
    """Datagrams of another implementation (tests/data/README)."""
    capture = os.path.join(ROOT, "tests", "data", "sfprobe.pcap")
    out = subprocess.run([os.path.join(BIN, "ft-decode"), "--format", "pcap", "--summary", "--strict", capture],
                         capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    rows = [json.loads(x) for x in out.stdout.splitlines()]
    summary, rows = rows[-1], rows[:-1]
    assert summary["sequence_gaps"] == summary["undecodable"] == 0
    left = collections.Counter(captured())
    total = sum(left.values())
    for r in rows:
        assert r["exporter_ip"] == "192.0.2.77" and r["packets"] == 1 and r["sampling"] == 1
        ports = (r["icmp_type"], r["icmp_code"]) if r["proto"] in (1, 58) else (r["src_port"], r["dst_port"])
        key = (r["src_ip"], r["dst_ip"], r["proto"], *ports, r["bytes"], r["frame_bytes"] - r["stripped_bytes"])
        assert left[key] > 0, "not on the wire: %r" % (key,)
        left[key] -= 1
    assert total - 8 <= len(rows) <= total
