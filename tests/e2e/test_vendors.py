"""Exports as devices make them, by templates of the vendors' documentation and our own encoders: what ft-decode reads of each
is what went in, and nothing of it is undecodable.  Real captures: tests/run captures."""
import json
import os
import socket
import struct
import subprocess

import pytest

from flowtrove import BIN

SECS, UPTIME = 1760000000, 1000000
MS = SECS * 1000
NET, REV, CISCO, NTOP, CERT, VMWARE, CITRIX = 0, 29305, 9, 35632, 6871, 6876, 5951
ip = socket.inet_aton
A, B, C = ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.254")


def ip6(a):
    return socket.inet_pton(socket.AF_INET6, a)


def mac(a):
    return bytes.fromhex(a.replace(":", ""))


def number(v, n):
    return v.to_bytes(n, "big")


def ntp(ms):
    return number((ms // 1000 + 2208988800) << 32 | (ms % 1000 << 32) // 1000, 8)


def text(s, n):
    return s.encode().ljust(n, b"\0")


def varying(b):
    """A value of variable length (RFC 7011 section 7)."""
    return (number(len(b), 1) if len(b) < 255 else b"\xff" + number(len(b), 2)) + b


def a_set(identity, body, pad=True):
    body += b"\0" * (-len(body) % 4 if pad else 0)
    return struct.pack(">HH", identity, 4 + len(body)) + body


def specifiers(fields):
    return b"".join(struct.pack(">HHI", i | 0x8000, n, pen[0]) if pen and pen[0] else struct.pack(">HH", i, n)
                    for i, n, *pen in fields)


def record(fields, values):
    return b"".join(v if isinstance(v, bytes) else number(v, f[1]) for f, v in zip(fields, values))


class Exporter:
    """Collects what one sends; fields are (element, length[, enterprise]), a row of a data set (field, value) pairs."""

    def __init__(self, version, domain=0, uptime=UPTIME):
        self.v9, self.domain, self.uptime, self.sets, self.datagrams, self.sequence = version == 9, domain, uptime, [], [], 0
        self.units = 0

    def flows(self, identity, fields, *rows, tail=b"", pad=True):
        self.sets += [a_set(0 if self.v9 else 2, struct.pack(">HH", identity, len(fields)) + specifiers(fields)),
                      a_set(identity, b"".join(record(fields, r) for r in rows) + tail, pad)]
        self.units += len(rows)
        return self

    def options(self, identity, scope, fields, *rows):
        head = (struct.pack(">HHH", identity, 4 * len(scope), 4 * len(fields)) if self.v9 else
                struct.pack(">HHH", identity, len(scope) + len(fields), len(scope)))
        self.sets += [a_set(1 if self.v9 else 3, head + specifiers(scope + fields)),
                      a_set(identity, b"".join(record(scope + fields, r) for r in rows))]
        self.units += len(rows)
        return self

    def send(self, tail=b""):
        body = b"".join(self.sets)
        self.datagrams.append(
            (struct.pack(">HHIIII", 9, len(self.sets), self.uptime, SECS, self.sequence, self.domain) if self.v9 else
             struct.pack(">HHIII", 10, 16 + len(body), SECS, self.sequence, self.domain)) + body + tail)
        self.sequence += 1 if self.v9 else self.units
        self.sets, self.units = [], 0
        return self


def decode(folder, exporter):
    if exporter.sets:
        exporter.send()
    files = []
    for i, datagram in enumerate(exporter.datagrams):
        files.append(str(folder / ("%03d" % i)))
        open(files[-1], "wb").write(datagram)
    r = subprocess.run([os.path.join(BIN, "ft-decode"), "--format", "udp-payload", "--summary", "--strict", *files],
                       capture_output=True, text=True)
    assert r.returncode == 0, r.stdout + r.stderr
    lines = [json.loads(x) for x in r.stdout.splitlines()]
    assert lines[-1]["sequence_gaps"] == lines[-1]["undecodable"] == lines[-1]["sets_waiting"] == 0, lines[-1]
    return [x for x in lines if x["kind"] == "flow"], [x for x in lines if x["kind"] == "option"]


PLAIN = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4)]
SAID = {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 4000, "dst_port": 443, "proto": 6, "bytes": 1500, "packets": 3}
VALUES = [A, B, 4000, 443, 6, 1500, 3]


def ios_xe():
    x = Exporter(9, domain=256)
    x.options(256, [(1, 4)], [(48, 4), (84, 16), (49, 1), (50, 4)], [0, 3, text("S1", 16), 2, 100])
    x.options(257, [(1, 4)], [(95, 4), (96, 24), (94, 55)], [0, 13 << 24 | 80, text("http", 24), text("World Wide Web", 55)])
    x.options(258, [(1, 4)], [(41, 8), (42, 8), (40, 8)], [0, 10, 11, 12])
    x.flows(260, PLAIN + [(5, 1), (10, 4), (14, 4), (61, 1), (6, 1), (95, 4), (48, 4), (22, 4), (21, 4), (16, 4), (17, 4), (15, 4)],
            VALUES + [0xb8, 1, 2, 0, 0x1b, 13 << 24 | 80, 3, UPTIME - 5000, UPTIME - 100, 65001, 65002, C])
    return x, [dict(SAID, tos=184, in_if=1, out_if=2, tcp_flags=27, app_id="13:80", sampling=100, src_as=65001, dst_as=65002,
                    next_hop="10.0.0.254", first_ms=MS - 5000, last_ms=MS - 100)], 3


def ios_xe_avc():
    fields = [(8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (95, 4), (231, 8), (232, 8), (298, 8), (299, 8), (239, 1), (150, 4),
              (151, 4), (12235, 65535, CISCO), (12235, 65535, CISCO), (42125, 4, CISCO)]
    x = Exporter(10).flows(300, fields, [A, B, 6, 4000, 443, 13 << 24 | 453, 100, 2000, 2, 3, 1, SECS - 10, SECS - 1,
                                         varying(b"\3\0\0P4\2www.example.com"), varying(b""), 77], pad=False)
    return x, [{"src_ip": "10.0.0.1", "initiator_bytes": 100, "responder_bytes": 2000, "initiator_packets": 2,
                "responder_packets": 3, "biflow_direction": 1, "app_id": "13:453", "first_ms": MS - 10000, "last_ms": MS - 1000}], 0


def nx_os():
    # eight bytes of switching times, and thirty zeros behind the last record
    x = Exporter(9).flows(265, PLAIN + [(22, 8), (21, 8), (10, 4), (14, 4)], VALUES + [UPTIME - 10, UPTIME - 5, 1, 2],
                          tail=b"\0" * 30)
    return x, [dict(SAID, in_if=1, out_if=2, first_ms=MS - 10, last_ms=MS - 5)], 0


def ios_xr():
    x = Exporter(9, domain=2177)
    x.options(257, [(1, 4)], [(48, 2), (49, 1), (34, 4)], [1, 5, 2, 1000], [1, 6, 2, 4000])
    fields = [(27, 16), (28, 16), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (48, 2), (89, 1), (234, 4), (235, 4), (60, 1),
              (62, 16), (70, 3), (71, 3), (46, 1), (47, 4), (22, 4), (21, 4)]
    x.flows(260, fields, [ip6("2001:db8::1"), ip6("2001:db8::2"), 1, 2, 17, 1500, 3, 6, 64, 0x60000000, 0x60000001, 6,
                          ip6("fe80::9"), number(24000 << 4, 3), number(3 << 4 | 1, 3), 5, C, UPTIME - 300, UPTIME - 100])
    return x, [{"src_ip": "2001:db8::1", "dst_ip": "2001:db8::2", "sampling": 4000, "fwd_status": 64, "in_vrf": 0x60000000,
                "out_vrf": 0x60000001, "next_hop": "fe80::9", "mpls_labels": [24000, 3], "mpls_top_label_ip": "10.0.0.254",
                "ethertype": 0x86dd, "first_ms": MS - 300}], 2


def asa():
    fields = [(148, 4), (8, 4), (7, 2), (10, 2), (12, 4), (11, 2), (14, 2), (4, 1), (176, 1), (177, 1), (225, 4), (226, 4),
              (227, 2), (228, 2), (233, 1), (33002, 2), (323, 8), (152, 8), (231, 4), (232, 4), (298, 4), (299, 4), (33000, 12),
              (40000, 20)]
    x = Exporter(9).flows(263, fields, [1, A, 4000, 3, B, 443, 2, 6, 0, 0, C, B, 5000, 443, 2, 2030, MS - 5, MS - 4000, 84, 90, 1,
                                        2, bytes(range(12)), text("alice", 20)])
    return x, [{"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "fw_event": 2, "fw_ext_event": 2030, "event_ms": MS - 5,
                "initiator_bytes": 84, "responder_bytes": 90, "responder_packets": 2, "nat_src_ip": "10.0.0.254",
                "nat_src_port": 5000, "user_name": "alice", "ingress_acl_id": "00010203-04050607-08090a0b",
                "first_ms": MS - 4000, "last_ms": MS - 5}], 0


def junos_inline():
    x = Exporter(10, domain=0x80000)
    x.options(512, [(144, 4)], [(34, 4), (36, 2), (37, 2), (41, 8), (42, 8), (160, 8), (130, 4), (131, 16), (214, 1), (215, 1)],
              [0, 1000, 60, 15, 1, 1, MS - 1000000, C, ip6("::"), 10, 17])
    x.send()
    fields = PLAIN[:5] + [(1, 8), (2, 8), (5, 1), (32, 2), (10, 4), (58, 2), (9, 1), (13, 1), (16, 4), (17, 4), (15, 4), (6, 1),
                          (14, 4), (52, 1), (53, 1), (152, 8), (153, 8), (136, 1), (243, 2), (245, 2), (54, 4), (61, 1)]
    x.flows(256, fields, [A, B, 0, 0, 1, 84, 1, 0, 0x0800, 517, 0, 24, 16, 0, 0, ip("0.0.0.0"), 0, 520, 64, 64, MS - 3000,
                          MS - 2000, 2, 100, 200, 0, 0])
    return x, [{"src_ip": "10.0.0.1", "proto": 1, "icmp_type": 8, "icmp_code": 0, "in_if": 517, "out_if": 520, "sampling": 1000,
                "src_mask": 24, "dst_mask": 16, "dot1q_vlan": 100, "dot1q_cvlan": 200, "end_reason": 2, "first_ms": MS - 3000}], 1


def mikrotik():
    fields = PLAIN + [(60, 1), (160, 8), (22, 4), (21, 4), (10, 4), (14, 4), (5, 1), (15, 4), (13, 1), (9, 1), (6, 1), (56, 6),
                      (57, 6), (80, 6), (81, 6), (192, 1), (206, 1), (189, 1), (224, 8), (33, 1), (225, 4), (226, 4), (227, 2),
                      (228, 2)]
    m = [mac("00:11:22:33:44:5%d" % i) for i in range(4)]
    x = Exporter(10).flows(258, fields, VALUES + [4, MS - 1000000, 990000, 999000, 1, 2, 0, C, 8, 24, 2, *m, 64, 0, 20, 1500, 0,
                                                  C, B, 5000, 443])
    return x, [dict(SAID, first_ms=MS - 10000, last_ms=MS - 1000, src_mac="00:11:22:33:44:50", dst_mac="00:11:22:33:44:52",
                    post_dst_mac="00:11:22:33:44:51", next_hop="10.0.0.254", src_mask=24, dst_mask=8, nat_src_ip="10.0.0.254")], 0


def pan_os():
    fields = PLAIN + [(5, 1), (6, 1), (10, 4), (14, 4), (21, 4), (22, 4), (32, 2), (61, 1), (148, 4), (233, 1), (346, 4),
                      (56701, 32), (56702, 64), (225, 4), (226, 4), (227, 2), (228, 2)]
    x = Exporter(9).flows(257, fields, VALUES + [0, 0x1b, 10, 11, UPTIME, UPTIME - 3000, 0, 0, 777, 2, 25461, text("ssl", 32),
                                                 text("corp\\bob", 64), C, B, 5000, 443])
    x.send(tail=b"\0" * 40)  # a datagram of a fixed size
    return x, [dict(SAID, app_name="ssl", user_name="corp\\bob", fw_event=2, flow_id=777, nat_src_ip="10.0.0.254",
                    nat_dst_port=443, first_ms=MS - 3000, last_ms=MS)], 0


def fortios():
    fields = PLAIN[:5] + [(1, 8), (23, 8), (2, 4), (24, 4), (22, 4), (21, 4), (10, 4), (14, 4), (95, 9), (65, 2), (89, 1), (136, 1),
                          (225, 4), (226, 4), (227, 2), (228, 2)]
    x = Exporter(9).options(256, [(1, 4)], [(34, 4), (35, 1)], [0, 10, 1])
    x.flows(262, fields, VALUES[:5] + [1500, 5000, 3, 12, UPTIME - 3000, UPTIME - 100, 3, 4, number(20, 1) + number(12356, 4) +
                                       number(16920, 4), 0x10, 64, 3, C, ip("0.0.0.0"), 5000, 0])
    return x, [dict(SAID, out_bytes=5000, out_packets=12, sampling=10, fwd_status=64, end_reason=3, in_if=3, out_if=4,
                    app_id_hex="140000304400004218", nat_src_port=5000)], 1


def vyos():
    # pmacct's probe, which VyOS runs: the rate in the record
    fields = PLAIN[:5] + [(1, 8), (2, 8), (22, 4), (21, 4), (60, 1), (10, 4), (14, 4), (61, 1), (48, 1), (6, 1), (5, 1), (56, 6),
                          (58, 2), (34, 4), (50, 4), (49, 1)]
    x = Exporter(9).flows(1024, fields, VALUES + [UPTIME - 100, UPTIME - 1, 4, 1, 2, 0, 1, 2, 0, mac("00:11:22:33:44:55"), 10, 0,
                                                  100, 2])
    return x, [dict(SAID, sampling=100, vlan=10, src_mac="00:11:22:33:44:55", first_ms=MS - 100, last_ms=MS - 1)], 0


def nprobe_v9():
    x = Exporter(9).flows(257, PLAIN + [(22, 4), (21, 4), (57590, 2), (57591, 16)],
                          VALUES + [UPTIME - 3000, UPTIME - 100, 91, text("TLS.Google", 16)])
    return x, [dict(SAID, app_name="TLS.Google", nprobeL7Proto=91, first_ms=MS - 3000)], 0


def nprobe_ipfix():
    x = Exporter(10).flows(257, PLAIN + [(152, 8), (153, 8), (118, 2, NTOP), (119, 65535, NTOP), (187, 65535, NTOP)],
                           VALUES + [MS - 3000, MS - 100, 91, varying(b"TLS.Google"), varying(b"host.example")], pad=False)
    return x, [{**SAID, "app_name": "TLS.Google", "35632.118": 91, "35632.187": "host.example"}], 0


def yaf():
    fields = [(152, 8), (153, 8), (85, 8), (86, 8), (85, 8, REV), (86, 8, REV), (27, 16), (28, 16), (7, 2), (11, 2), (4, 1),
              (136, 1), (33, 2, CERT), (14, 1, CERT), (15, 1, CERT), (16398, 1, CERT), (16399, 1, CERT), (184, 4), (184, 4, REV),
              (58, 2), (21, 4, CERT), (293, 65535)]
    lists = b"\3" + struct.pack(">HHQ", 0xc003, 12, 1)  # a subTemplateMultiList (RFC 6313): passed over by its length
    x = Exporter(10).flows(0xb000, fields, *[
        [MS - 50, MS, 500, 5, 900, 7, ip6("2001:db8::1"), ip6("2001:db8::2"), port, 443, 6, 1, 443, 2, 0x18, 0x12, 0x18, 1, 2, 0, 3,
         varying(lists * n)] for port, n in ((5000, 1), (5001, 30))], pad=False)
    said = {"src_ip": "2001:db8::1", "dst_ip": "2001:db8::2", "bytes_total": 500, "packets_total": 5, "rev_bytes": 900,
            "rev_packets": 7, "end_reason": 1, "cert:silkAppLabel": 443, "first_ms": MS - 50}
    return x, [dict(said, src_port=5000), dict(said, src_port=5001)], 0


def vmware():
    fields = PLAIN + [(152, 8), (153, 8), (10, 4), (14, 4), (239, 1), (61, 1), (210, 1), (192, 1), (890, 8, VMWARE),
                      (881, 4, VMWARE), (882, 4, VMWARE), (886, 2, VMWARE), (887, 2, VMWARE), (888, 1, VMWARE)]
    x = Exporter(10).flows(264, fields, VALUES + [MS - 50, MS, 1, 2, 1, 0, 0, 64, 5000, ip("192.168.1.1"), ip("192.168.1.2"), 80, 90, 6])
    return x, [{**SAID, "vmware:tenantSourceIPv4": "192.168.1.1", "vmware:tenantDestPort": 90, "first_ms": MS - 50}], 0


def citrix():
    fields = [(138, 4), (148, 8), (160, 8), (4, 1), (6, 2), (8, 4), (12, 4), (7, 2), (11, 2), (1, 8), (2, 8), (154, 8), (155, 8),
              (128, 4, CITRIX), (141, 65535, CITRIX), (144, 65535, CITRIX)]
    x = Exporter(10).flows(258, fields, [5, 99, MS - 5000000, 6, 0x18, A, B, 4000, 443, 1500, 3, ntp(MS - 2000), ntp(MS - 500), 1,
                                         varying(b"/index.html"), varying(b"x" * 300)], pad=False)
    return x, [{**SAID, "tcp_flags": 0x18, "flow_id": 99, "5951.128": 1, "5951.141": "/index.html", "5951.144": "x" * 300,
                "first_ms": MS - 2000, "last_ms": MS - 500}], 0


def sonicwall():
    # the header's uptime is in seconds
    x = Exporter(9, uptime=1000).flows(256, PLAIN + [(22, 4), (21, 4), (10, 4), (14, 4)], VALUES + [990000, 999000, 1, 2])
    return x, [dict(SAID, first_ms=MS - 10000, last_ms=MS - 1000)], 0


def huawei():
    x = Exporter(10).flows(256, PLAIN + [(160, 8), (22, 4), (21, 4), (10, 8), (14, 8)], VALUES + [MS - 1000000, 990000, 999000, 7, 8])
    return x, [dict(SAID, in_if=7, out_if=8, first_ms=MS - 10000, last_ms=MS - 1000)], 0


def carrier_nat():
    fields = [(234, 4), (323, 8), (230, 1), (4, 1), (8, 4), (225, 4), (7, 2), (227, 2), (12, 4), (226, 4), (11, 2), (228, 2),
              (361, 2), (362, 2)]
    x = Exporter(9).flows(256, fields, [1, MS - 77, 1, 6, A, C, 4000, 5000, B, B, 443, 443, 1024, 2047])
    return x, [{"src_ip": "10.0.0.1", "nat_event": 1, "nat_src_ip": "10.0.0.254", "nat_src_port": 5000, "event_ms": MS - 77,
                "portRangeStart": 1024, "portRangeEnd": 2047, "first_ms": MS - 77, "last_ms": MS - 77}], 0


def open_vswitch():
    fields = [(138, 4), (61, 1), (80, 6), (56, 6), (256, 2), (60, 1), (192, 1), (195, 1), (158, 4), (159, 4), (352, 8), (3, 8),
              (136, 1), (25, 8), (26, 8), (10, 4), (14, 4), (243, 2)] + PLAIN
    m = [mac("00:11:22:33:44:5%d" % i) for i in range(2)]
    x = Exporter(10).flows(272, fields, [1, 0, *m, 0x800, 4, 64, 46, 5000000, 1000000, 1542, 1, 1, 40, 1500, 3, 4, 100] + VALUES)
    return x, [dict(SAID, dst_mac="00:11:22:33:44:50", src_mac="00:11:22:33:44:51", ttl=64, dot1q_vlan=100, flows=1,
                    first_ms=MS - 5000, last_ms=MS - 1000)], 0


def psamp():
    packet = bytes.fromhex("4500003c1c4640004006b1e6") + A + B + struct.pack(">HHIIBBHHH", 4000, 443, 1, 1, 0x50, 2, 100, 0, 0)
    x = Exporter(10).options(400, [(302, 8)], [(304, 2), (305, 4), (306, 4)], [9, 1, 1, 499])
    x.options(402, [(302, 8)], [(318, 8), (319, 8)], [9, 100000, 200])  # selector statistics
    x.flows(401, [(301, 8), (302, 8), (313, 65535), (322, 4), (10, 4), (14, 4)], [1, 9, varying(packet), SECS - 1, 1, 2], pad=False)
    return x, [dict(SAID, bytes=60, packets=1, sampling=500, tcp_flags=2, in_if=1, first_ms=MS - 1000)], 2


def fnf_dscp():
    # match ipv4 dscp instead of tos
    x = Exporter(9).flows(256, PLAIN + [(195, 1), (22, 4), (21, 4)], VALUES + [46, UPTIME - 10, UPTIME - 5])
    return x, [dict(SAID, dscp=46, first_ms=MS - 10)], 0


def wireless_controller():
    # Cisco WLC: of both ends the station alone, by application and direction
    fields = [(365, 6), (366, 4), (147, 33), (367, 6), (61, 1), (95, 4), (1, 8), (2, 8), (98, 1), (195, 1)]
    x = Exporter(9).flows(261, fields, [mac("00:11:22:33:44:55"), A, text("guests", 33), mac("00:11:22:33:44:66"), 1, 13 << 24 | 80,
                                        1500, 3, 10, 46])
    return x, [{"bytes": 1500, "packets": 3, "dscp": 46, "app_id": "13:80",
                "staIPv4Address": "10.0.0.1", "wlanSSID": "guests", "direction": 1}], 0


def nokia_layer_2():
    m = [mac("00:11:22:33:44:5%d" % i) for i in range(2)]
    fields = [(56, 6), (80, 6), (256, 2), (243, 2), (245, 2), (10, 4), (14, 4), (352, 8), (2, 8), (152, 8), (153, 8)]
    x = Exporter(10).flows(300, fields, [*m, 0x88cc, 100, 200, 1, 2, 6400, 100, MS - 50, MS])
    return x, [{"src_mac": "00:11:22:33:44:50", "dst_mac": "00:11:22:33:44:51", "ethertype": 0x88cc, "dot1q_vlan": 100,
                "dot1q_cvlan": 200, "layer2OctetDeltaCount": 6400, "packets": 100, "first_ms": MS - 50}], 0


def port_block():
    # a block of ports for a subscriber (RFC 7659, bulk port allocation): no destination, no protocol, no counts
    x = Exporter(9).flows(256, [(234, 4), (8, 4), (225, 4), (361, 2), (364, 2), (363, 2), (230, 1), (324, 8)],
                          [7, A, C, 1024, 512, 1, 16, ntp(MS - 500)])
    return x, [{"src_ip": "10.0.0.1", "nat_src_ip": "10.0.0.254", "in_vrf": 7, "nat_event": 16, "portRangeStart": 1024,
                "portRangeNumPorts": 512, "first_ms": MS - 500, "last_ms": MS - 500}], 0


def one_end_and_a_duration():
    x = Exporter(10).flows(256, PLAIN + [(153, 8), (161, 4)], VALUES + [MS - 5, 2000])
    x.flows(257, PLAIN + [(152, 8), (162, 8)], VALUES + [MS - 5000, 3000000])
    return x, [dict(SAID, first_ms=MS - 2005, last_ms=MS - 5), dict(SAID, first_ms=MS - 5000, last_ms=MS - 2000)], 0


def huawei_netstream():
    # one board samples: its interface's rate comes in options of scope interface (RFC 3954 section 6.1)
    x = Exporter(9).options(256, [(2, 4)], [(34, 4), (35, 1)], [7, 512, 2])
    x.flows(257, PLAIN + [(22, 4), (21, 4), (10, 4), (14, 4), (61, 1), (15, 4)],
            VALUES + [UPTIME - 10, UPTIME - 5, 7, 8, 0, C], VALUES[:2] + [4001, 443, 6, 1500, 3, UPTIME - 10, UPTIME - 5, 9, 10, 0, C])
    return x, [dict(SAID, in_if=7, sampling=512, next_hop="10.0.0.254"), dict(SAID, src_port=4001, in_if=9)], 1


def nsx():
    # identities of virtual machines and of the rule, in Broadcom's elements; a list (RFC 6313) in the middle
    fields = PLAIN + [(950, 4, VMWARE), (291, 65535), (951, 16, VMWARE), (952, 65535, VMWARE), (239, 1), (152, 8), (153, 8)]
    listed = b"\3" + struct.pack(">HH", 6, 2) + b"\0\2\0\x10"
    x = Exporter(10).flows(300, fields, VALUES + [1004, varying(listed), bytes(range(16)), varying(b"vm-17"), 1, MS - 50, MS], pad=False)
    return x, [dict(SAID, biflow_direction=1, first_ms=MS - 50, last_ms=MS)], 0


def cisco_sd_wan():
    PEN = 41916
    fields = PLAIN + [(4321, 4, PEN), (85, 8), (86, 8), (195, 1), (196, 1), (5, 1), (150, 4), (151, 4), (136, 1), (10, 4), (14, 4)]
    x = Exporter(10).flows(257, fields, VALUES + [10, 99000, 900, 46, 5, 0xb8, SECS - 9, SECS - 1, 1, 1, 2])
    return x, [{**SAID, "41916.4321": 10, "bytes_total": 99000, "tos": 184, "first_ms": MS - 9000, "last_ms": MS - 1000}], 0


def ipt_netflow():
    # Linux, Ubiquiti and others: NAT events in templates of their own, MACs and VLANs, stamps of seconds
    x = Exporter(10).flows(256, PLAIN + [(56, 6), (80, 6), (256, 2), (243, 2), (150, 4), (151, 4), (61, 1), (206, 1)],
                           VALUES + [mac("00:11:22:33:44:50"), mac("00:11:22:33:44:51"), 0x800, 12, SECS - 9, SECS - 1, 0, 0])
    x.flows(257, [(323, 8), (230, 1), (8, 4), (225, 4), (12, 4), (226, 4), (7, 2), (227, 2), (11, 2), (228, 2), (4, 1)],
            [MS - 5, 1, A, C, B, B, 4000, 5000, 443, 443, 6])
    return x, [dict(SAID, dot1q_vlan=12, src_mac="00:11:22:33:44:50", first_ms=MS - 9000),
               {"src_ip": "10.0.0.1", "nat_src_ip": "10.0.0.254", "nat_event": 1, "event_ms": MS - 5, "first_ms": MS - 5}], 0


@pytest.mark.parametrize("vendor", [
    ios_xe, ios_xe_avc, nx_os, ios_xr, asa, junos_inline, mikrotik, pan_os, fortios, vyos, nprobe_v9, nprobe_ipfix, yaf, vmware,
    citrix, sonicwall, huawei, carrier_nat, open_vswitch, psamp, fnf_dscp, wireless_controller, nokia_layer_2, port_block,
    one_end_and_a_duration, huawei_netstream, nsx, cisco_sd_wan, ipt_netflow], ids=lambda f: f.__name__)
def test_what_a_vendor_sends_is_read(tmp_path, vendor):
    exporter, said, options = vendor()
    flows, told = decode(tmp_path, exporter)
    assert len(flows) == len(said) and len(told) == options
    for flow, facts in zip(flows, said):
        assert {k: flow.get(k) for k in facts} == facts


def test_every_length_a_number_may_have_is_read(tmp_path):
    """Ports of four bytes, VLANs of four, counters of three and five, prefixes of two (RFC 7011 section 6.2, and beyond it)."""
    fields = [(8, 4), (12, 4), (7, 4), (11, 4), (4, 4), (1, 3), (2, 5), (5, 2), (6, 2), (10, 2), (14, 1), (16, 2), (17, 3), (9, 2),
              (58, 4), (60, 2), (136, 2), (152, 8), (153, 8)]
    x = Exporter(10).flows(256, fields, [A, B, 4000, 443, 6, 1500, 3, 0xb8, 0x112, 5, 6, 65000, 65001, 24, 300, 4, 3, MS - 50, MS])
    flows, _ = decode(tmp_path, x)
    facts = dict(SAID, tos=184, in_if=5, out_if=6, src_as=65000, dst_as=65001, src_mask=24, vlan=300, end_reason=3)
    assert {k: flows[0].get(k) for k in facts} == facts


def test_a_biflow_of_yaf_becomes_a_session_with_both_sides_flags(instance):
    exporter, _, _ = yaf()
    exporter.send()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.22.0.1", 0))
        for datagram in exporter.datagrams:
            s.sendto(datagram, ("127.0.0.1", instance.flow_port))
    span = (SECS - 60) * 1000000, (SECS + 60) * 1000000
    instance.wait_flows(4, span, where="EXPIP == 127.22.0.1")
    rows = instance.session_objects(span, "EXPIP == 127.22.0.1")
    assert {(r["client_port"], r["client_bytes"], r["server_bytes"], r["client_flags"], r["server_flags"]) for r in rows} == {
        (5000, 500, 900, 0x1a, 0x1a), (5001, 500, 900, 0x1a, 0x1a)}


def test_what_only_one_element_says_is_in_the_session(instance):
    """Classes of service without TOS, MACs as they left, bytes of frames, one end alone: what stands in for what is not told."""
    m = [mac("00:11:22:33:44:5%d" % i) for i in range(4)]
    when, stamps = [(152, 8), (153, 8)], [MS - 50, MS]
    x = Exporter(10)
    x.flows(256, PLAIN + [(195, 1), (56, 6), (57, 6)] + when, VALUES + [46, m[0], m[1]] + stamps)
    x.flows(257, PLAIN + [(56, 6), (80, 6), (57, 6), (81, 6)] + when, [A, B, 4001, 443, 6, 1500, 3, *m] + stamps)
    x.flows(258, PLAIN[:5] + [(352, 8), (2, 8)] + when, [A, B, 4002, 443, 6, 1542, 3] + stamps)
    x.flows(259, [(366, 4), (7, 2), (1, 4), (2, 4)] + when, [A, 4003, 1500, 3] + stamps)
    x.send()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.22.0.2", 0))
        for datagram in x.datagrams:
            s.sendto(datagram, ("127.0.0.1", instance.flow_port))
    span = (SECS - 60) * 1000000, (SECS + 60) * 1000000
    instance.wait_flows(4, span, where="EXPIP == 127.22.0.2")
    rows = {r["client_port"] or r["server_port"]: r for r in instance.session_objects(span, "EXPIP == 127.22.0.2")}
    assert rows[4000]["client_tos"] == 184
    assert (rows[4000]["client_mac"], rows[4000]["server_mac"]) == ("00:11:22:33:44:50", "00:11:22:33:44:51")
    assert (rows[4001]["client_mac"], rows[4001]["server_mac"]) == ("00:11:22:33:44:50", "00:11:22:33:44:51")
    assert rows[4002]["client_bytes"] == 1542
    assert "10.0.0.1" in (rows[4003]["client_ip"], rows[4003]["server_ip"])
