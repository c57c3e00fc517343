#!/usr/bin/env python3
"""What a collector has to answer about generated traffic, worked out the slow and obvious way.

A truth file has one one-way record a line.  A first line of names says which columns there are; without one they
are taken to be those of HEADLESS below.  As a program: oracle.py FILE [ENTITY COUNT sent|received|total] [ROWS].
"""
import collections
import ipaddress
import json
import sys

HEADLESS = ("first last exporter src dst sport dport proto flags tos bytes packets in_if out_if src_as dst_as vlan "
            "session reply").split()
TEXT = {"src", "dst", "exporter"}
TWO_SIDED = {"IP", "ASN", "IF"}


class Record:
    """One exported record, and the conversation it belongs to seen from its client."""
    __slots__ = HEADLESS + ["client", "server", "client_port", "server_port"]


class Truth:
    def __init__(self, path, vlan=True):
        self.records = list(self._read(path, vlan))
        self.sessions = collections.defaultdict(list)
        for r in self.records:
            self.sessions[r.session].append(r)

    @staticmethod
    def _read(path, vlan):
        with open(path, encoding="ascii") as f:
            names = HEADLESS
            for n, line in enumerate(f):
                cells = line.rstrip("\n").split("\t")
                if n == 0 and not cells[0].isdigit():
                    names = cells
                    continue
                r = Record()
                for name, cell in zip(names, cells):
                    setattr(r, name, cell if name in TEXT else int(cell) if cell else None)
                if not vlan:
                    r.vlan = None
                r.client, r.server = (r.dst, r.src) if r.reply else (r.src, r.dst)
                r.client_port, r.server_port = (r.dport, r.sport) if r.reply else (r.sport, r.dport)
                if r.proto == 1:  # type and code of the request
                    r.client_port, r.server_port = 0, 8 << 8
                if r.proto == 58:
                    r.client_port, r.server_port = 0, 128 << 8
                yield r

    def where(self, select=None, whole=None):
        """Records that pass select(record), of sessions that pass whole(session summary)."""
        out = self.records if select is None else [r for r in self.records if select(r)]
        if whole is not None:
            good = {s for s, v in self.summaries().items() if whole(v)}
            out = [r for r in out if r.session in good]
        return out

    def summaries(self):
        """session -> dict with the names of spec'd session rows."""
        if not hasattr(self, "_summaries"):
            self._summaries = {s: summary(rs) for s, rs in self.sessions.items()}
        return self._summaries

    def span_us(self):
        return min(r.first for r in self.records) * 1000, max(r.last for r in self.records) * 1000


def summary(records):
    r = records[0]
    d = dict(client_ip=r.client, server_ip=r.server, client_port=r.client_port, server_port=r.server_port, proto=r.proto,
             client_bytes=0, server_bytes=0, client_packets=0, server_packets=0, client_flows=0, server_flows=0,
             client_flags=0, server_flags=0, first_us=min(x.first for x in records) * 1000,
             last_us=max(x.last for x in records) * 1000)
    for x in records:
        side = "server" if x.reply else "client"
        d[side + "_bytes"] += x.bytes
        d[side + "_packets"] += x.packets
        d[side + "_flows"] += 1
        d[side + "_flags"] |= x.flags
    return d


def totals(records):
    return dict(sessions=len({r.session for r in records}), bytes=sum(r.bytes for r in records),
                packets=sum(r.packets for r in records), flows=len(records))


def sides(r, entity):
    """(key of the sending side, key of the receiving side), or one key where an entity has no sides."""
    if entity == "IP":
        return r.src, r.dst
    if entity == "ASN":
        return r.src_as, r.dst_as
    if entity == "IF":
        return r.in_if, r.out_if
    if entity == "IPPAIR":
        return (tuple(sorted((r.client, r.server))),)
    if entity == "PORTPROTO":
        return ((r.server_port, r.proto),)
    if entity == "QOS":
        return (r.tos,)
    if entity == "VLAN":  # one VLAN a flow: no sides
        return (r.vlan,)
    if entity == "TCPFLAGS":
        return (r.flags,)
    raise ValueError(entity)


def ranking(records, entity, count, direction="total"):
    """{key: value} of every entity."""
    amount, members = collections.Counter(), collections.defaultdict(set)
    attr = count.lower()
    for r in records:
        keys = sides(r, entity)
        if len(keys) == 1:
            if count in ("BYTES", "PACKETS"):
                amount[keys[0]] += getattr(r, attr)
            elif count == "SESSIONS":
                members[keys[0]].add(r.session)
            elif count == "UPDATES":
                amount[keys[0]] += 1
            else:
                members[keys[0]].update((r.src, r.dst))
            continue
        for i, side in enumerate(("sent", "received")):
            key, other = keys[i], keys[1 - i]
            if count in ("BYTES", "PACKETS", "UPDATES"):
                if direction in ("total", side) and not (direction == "total" and i and key == other):
                    amount[key] += 1 if count == "UPDATES" else getattr(r, attr)
            elif count == "SESSIONS":
                # who opened it: the sender of a request, the receiver of a reply
                role = "sent" if (i == 0) != bool(r.reply) else "received"
                if direction in ("total", role):
                    members[key].add(r.session)
            elif direction in ("total", side):
                members[key].add(r.dst if i == 0 else r.src)
    return dict(amount) if not members else {k: len(v) for k, v in members.items()}


def key_text(key):
    return "|".join(str(k) for k in key) if isinstance(key, tuple) else str(key)


def top(values, rows=25):
    return sorted(values.items(), key=lambda kv: (-kv[1], key_text(kv[0])))[:rows]


def part(v, first, last, start, end):
    """What of an amount v over [first, last] falls into [start, end): exact, in integers."""
    if first == last:
        return v if start <= first < end else 0

    def until(t):
        return v * min(max(t - first, 0), last - first) // (last - first)
    return until(end) - until(start)


def plain_address(text):
    return str(ipaddress.ip_address(text))


if __name__ == "__main__":
    truth = Truth(sys.argv[1])
    if len(sys.argv) < 4:
        print(json.dumps(totals(truth.records)))
    else:
        rows = int(sys.argv[5]) if len(sys.argv) > 5 else 10
        for k, v in top(ranking(truth.records, sys.argv[2], sys.argv[3], sys.argv[4]), rows):
            print(json.dumps({"key": k, "value": v}))
