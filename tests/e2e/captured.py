"""Datagrams out of capture files, and what ft-decode says of them: the expectation of tests that send them at the wire."""
import collections
import json
import os
import socket
import struct
import subprocess

from flowtrove import BIN


def _udp(packet, link):
    """(source address, payload) of the UDP datagram in a packet; None if it is something else."""
    if link == 1:
        kind, at = struct.unpack(">H", packet[12:14])[0], 14
        while kind in (0x8100, 0x88a8):
            kind, at = struct.unpack(">H", packet[at + 2:at + 4])[0], at + 4
        if kind not in (0x0800, 0x86dd):
            return None
        packet = packet[at:]
    elif link == 0:
        packet = packet[4:]
    elif link == 113:
        packet = packet[16:]
    if packet[0] >> 4 == 4:
        if packet[9] != 17:
            return None
        source, head = packet[12:16], (packet[0] & 15) * 4
    else:
        if packet[6] != 17:
            return None
        source, head = packet[8:24], 40
    length = struct.unpack(">H", packet[head + 4:head + 6])[0]
    return source, packet[head + 8:head + length]


def _pcap(data):
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link, at = struct.unpack(order + "I", data[20:24])[0] & 0xffff, 24
    while at + 16 <= len(data):
        n = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        yield link, data[at + 16:at + 16 + n]
        at += 16 + n


def _pcapng(data):
    order, links, at = "<", [], 0
    while at + 12 <= len(data):
        kind = data[at:at + 4]
        if kind == b"\x0a\x0d\x0d\x0a":
            order, links = ("<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"), []
        kind, size = struct.unpack(order + "II", data[at:at + 8])
        if kind == 1:
            links.append(struct.unpack(order + "H", data[at + 8:at + 10])[0])
        elif kind == 6:
            interface, _, _, n = struct.unpack(order + "IIII", data[at + 8:at + 24])
            yield links[interface], data[at + 28:at + 28 + n]
        elif kind == 3:
            yield links[0], data[at + 12:at + size - 4]
        at += max(size, 12)


def datagrams(path, form):
    """[(source or None, payload)] of a file: "udp-payload" is one, "ipfix-stream" one a message."""
    data = open(path, "rb").read()
    if form == "udp-payload":
        return [(None, data)]
    if form == "ipfix-stream":
        out, at = [], 0
        while at + 4 <= len(data):
            n = struct.unpack(">H", data[at + 2:at + 4])[0]
            if n < 16:
                break
            out.append((None, data[at:at + n]))
            at += n
        return out
    packets = _pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(data)
    return [d for d in (_udp(p, link) for link, p in packets) if d is not None and d[1]]


def decode(paths, form):
    """(flow records, summary) of ft-decode."""
    r = subprocess.run([os.path.join(BIN, "ft-decode"), "--format", form.replace("pcapng", "pcap"), "--summary", *paths],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    rows = [json.loads(x) for x in r.stdout.splitlines()]
    return [r for r in rows if r.get("kind") == "flow"], rows[-1]


def directions(row):
    """[(bytes, packets)] that a record adds to its session, one or both directions, as docs/interop.md says."""
    rate = max(1, row.get("sampling") or 0)
    number = lambda name: row.get(name) or 0  # noqa: E731
    delta = "bytes" in row or "packets" in row
    if "initiator_bytes" in row or "responder_bytes" in row or "initiator_packets" in row:
        packets = number("initiator_packets") or (number("packets") if delta else 0)
        out = [(number("initiator_bytes"), packets)]
    elif delta and (number("bytes") or number("packets")):
        out = [(number("bytes"), number("packets"))]
    elif delta or not ("bytes_total" in row or "packets_total" in row):
        out = [(number("out_bytes"), number("out_packets"))]
    else:
        out = [(number("bytes_total"), number("packets_total"))]
    if "responder_bytes" in row or "responder_packets" in row:
        out.append((number("responder_bytes"), number("responder_packets")))
    elif "rev_bytes" in row or "rev_packets" in row:
        out.append((number("rev_bytes"), number("rev_packets")))
    elif "rev_bytes_total" in row or "rev_packets_total" in row:
        out.append((number("rev_bytes_total"), number("rev_packets_total")))
    return [(b * rate, p * rate) for b, p in out[:1] + [x for x in out[1:] if any(x)]]


UPDATED, DELETED = 5, 2


def sums(rows):
    """Counter of flows, bytes and packets that sessions of these records have.  The teardown of a firewall's connection is
    its total: of it counts what the updates have not said."""
    out, told = collections.Counter(), collections.defaultdict(lambda: [0, 0])
    for row in rows:
        for side, amounts in enumerate(directions(row)):
            out["flows"] += 1
            connection = told[row.get("src_ip"), row.get("src_port"), row.get("dst_ip"), row.get("dst_port"), side]
            for i, (name, n) in enumerate(zip(("bytes", "packets"), amounts)):
                if row.get("fw_event") == UPDATED:
                    connection[i] += n
                elif row.get("fw_event") == DELETED and n >= connection[i]:
                    n -= connection[i]
                out[name] += n
    return out


class Senders:
    """Sockets of exporters, each with its own loopback address."""

    def __init__(self):
        self.socket = {}

    def send(self, source, payload, port):
        if source not in self.socket:
            self.socket[source] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket[source].bind((source, 0))
        self.socket[source].sendto(payload, ("127.0.0.1", port))

    def close(self):
        for s in self.socket.values():
            s.close()
