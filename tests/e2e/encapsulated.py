"""Frames with IP packets behind tags, labels, extension headers and in tunnels, each with what it is to count as."""
import collections
import ipaddress
import struct

MACS = b"\x02\x00\x00\x00\x00\x01" + b"\x02\x00\x00\x00\x00\x02"
UDP, GRE, HOP, ROUTING, FRAGMENT, OPTIONS = 17, 47, 0, 43, 44, 60

Frame = collections.namedtuple("Frame", "bytes outer inner pseudowire")  # outer, inner: (source, destination, protocol, bytes)


def udp(size, sport=4000, dport=53):
    return struct.pack(">HHHH", sport, dport, 8 + size, 0) + b"u" * size


def v4(src, dst, payload, proto=UDP, number=1, offset=0, more=False, options=b""):
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), number,
                       (0x2000 if more else 0) | offset // 8, 64, proto, 0) + a.packed + b.packed + options
    return head + payload


def v6(src, dst, payload, proto=UDP, extensions=()):
    """extensions: (number, its bytes from the second on)"""
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    kinds = [k for k, _ in extensions] + [proto]
    body = b"".join(bytes([kinds[i + 1]]) + rest for i, (_, rest) in enumerate(extensions)) + payload
    return struct.pack(">IHBB", 0x60000000, len(body), kinds[0], 64) + a.packed + b.packed + body


def ethernet(packet, *before):
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return MACS + b"".join(before) + kind + packet


def tag(vid, tpid=0x8100):
    return struct.pack(">HH", tpid, vid)


def labels(*values):
    return b"".join(struct.pack(">I", v << 12 | (i == len(values) - 1) << 8 | 64) for i, v in enumerate(values))


def fact(packet):
    """What the first IP header of a packet counts as."""
    if packet[0] >> 4 == 4:
        return (str(ipaddress.ip_address(packet[12:16])), str(ipaddress.ip_address(packet[16:20])), packet[9], len(packet))
    proto, at = packet[6], 40
    while proto in (HOP, ROUTING, OPTIONS, FRAGMENT):
        fragment = proto == FRAGMENT and struct.unpack(">H", packet[at + 2:at + 4])[0] >> 3
        proto, at = packet[at], at + (8 if proto == FRAGMENT else packet[at + 1] * 8 + 8)
        if fragment:
            break
    return (str(ipaddress.ip_address(packet[8:24])), str(ipaddress.ip_address(packet[24:40])), proto, len(packet))


def frames():
    """[Frame]: one or several of each kind, of conversations of their own."""
    out, n = [], [0]

    def pair(version=4):
        n[0] += 1
        return ("10.1.0.%d" % n[0], "10.2.0.%d" % n[0]) if version == 4 else ("2001:db8:1::%x" % n[0], "2001:db8:2::%x" % n[0])

    def add(frame, outer, inner=None, pseudowire=False):
        out.append(Frame(frame, fact(outer), fact(inner or outer), pseudowire))
    for before in ((), (tag(7),), (tag(100, 0x88a8), tag(7)), (tag(100), tag(7))):
        for make, version in ((v4, 4), (v6, 6)):
            a, b = pair(version)
            for size in (0, 18, 700):
                p = make(a, b, udp(size))
                add(ethernet(p, *before), p)
    short = v4(*pair(), udp(0))
    add(ethernet(short) + b"\0" * 18, short)  # padded to 60
    p = v4(*pair(), udp(33), options=b"\x01" * 8)
    add(ethernet(p), p)
    for stack in ((500,), (500, 16, 17)):
        for make, version in ((v4, 4), (v6, 6)):
            p = make(*pair(version), udp(90))
            add(MACS + b"\x88\x47" + labels(*stack) + p, p)
    wire = v4(*pair(), udp(91))
    add(MACS + b"\x88\x47" + labels(800, 801) + b"\0\0\0\0" + ethernet(wire), wire, pseudowire=True)
    routing = (ROUTING, bytes([2, 4, 0]) + b"\0" * 20)
    padding = b"\0" + b"\x01\x04" + b"\0" * 4
    for extensions in (((HOP, padding),), ((HOP, padding), (OPTIONS, padding)), ((HOP, padding), routing)):
        p = v6(*pair(6), udp(44), extensions=extensions)
        add(ethernet(p), p)
    # fragments: ports are those of the first
    a, b = pair()
    whole = udp(1200)
    for at in range(0, len(whole), 504):
        p = v4(a, b, whole[at:at + 504], number=77, offset=at, more=at + 504 < len(whole))
        add(ethernet(p), p)
    a, b = pair(6)
    for at in range(0, len(whole), 504):
        p = v6(a, b, whole[at:at + 504],
               extensions=((FRAGMENT, struct.pack(">BHI", 0, at | (at + 504 < len(whole)), 99)),))
        add(ethernet(p), p)
    # tunnels
    inside = v4(*pair(), udp(120))
    outside = v4(*pair(), struct.pack(">HH", 0, 0x0800) + inside, proto=GRE)
    add(ethernet(outside), outside, inside)
    inside = v6(*pair(6), udp(121))
    outside = v4(*pair(), struct.pack(">HHII", 0x3000, 0x86dd, 5, 6) + inside, proto=GRE)
    add(ethernet(outside, tag(9)), outside, inside)
    inside = v4(*pair(), udp(122))
    outside = v4(*pair(), udp(0, 50000, 4789)[:4] + struct.pack(">HHII", 8 + 8 + 14 + len(inside), 0, 0x08000000, 42 << 8) +
                 ethernet(inside))
    add(ethernet(outside), outside, inside)
    inside = v6(*pair(6), udp(123))
    outside = v6(*pair(6), udp(0, 50000, 4789)[:4] + struct.pack(">HHII", 8 + 8 + 14 + len(inside), 0, 0x08000000, 42 << 8) +
                 ethernet(inside))
    add(ethernet(outside), outside, inside)
    return out


def sums(frames, side="outer"):
    """{(source, destination, protocol): [packets, bytes]}"""
    total = collections.defaultdict(lambda: [0, 0])
    for f in frames:
        *key, size = getattr(f, side)
        total[tuple(key)][0] += 1
        total[tuple(key)][1] += size
    return dict(total)


def write(path, frames, link=1, start=1750000000, step_us=1000, nano=False):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
        for i, frame in enumerate(frames):
            us = i * step_us
            f.write(struct.pack("<IIII", start + us // 1000000, us % 1000000 * (1000 if nano else 1), len(frame), len(frame)) +
                    frame)


def write_ng(path, frames, start=1750000000, step_us=1000):
    """pcapng in nanoseconds, big-endian"""
    block = lambda kind, body: struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)  # noqa: E731
    with open(path, "wb") as f:
        f.write(block(0x0a0d0d0a, struct.pack(">IHHq", 0x1a2b3c4d, 1, 0, -1)))
        f.write(block(1, struct.pack(">HHI", 1, 0, 0) + struct.pack(">HHB3xHH", 9, 1, 9, 0, 0)))
        for i, frame in enumerate(frames):
            ns = start * 10**9 + i * step_us * 1000
            f.write(block(6, struct.pack(">IIIII", 0, ns >> 32, ns & 0xffffffff, len(frame), len(frame)) + frame +
                          b"\0" * (-len(frame) % 4)))
