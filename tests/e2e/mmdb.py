"""Writes a small file of MaxMind's format (MaxMind DB specification 2.0), IPv4 under ::/96, records of 24 bits."""
import ipaddress
import struct


class Short(int):
    pass


class Wide(int):
    pass


def text(s):
    b = s.encode()
    assert len(b) < 29 + 256
    return (bytes([2 << 5 | len(b)]) if len(b) < 29 else bytes([2 << 5 | 29, len(b) - 29])) + b


def value(v):
    if isinstance(v, dict):
        return bytes([7 << 5 | len(v)]) + b"".join(text(k) + value(x) for k, x in v.items())
    if isinstance(v, str):
        return text(v)
    if isinstance(v, list):
        return bytes([len(v), 4]) + b"".join(map(value, v))
    if isinstance(v, Wide):
        return bytes([8, 2]) + struct.pack(">Q", v)
    return bytes([5 << 5 | 2]) + struct.pack(">H", v) if isinstance(v, Short) else bytes([6 << 5 | 4]) + struct.pack(">I", v)


def write(path, networks):
    """networks: {"10.0.0.0/8": {"autonomous_system_number": 1, …}}"""
    nodes, data = [[0, 0]], b""
    for network, record in networks.items():
        net = ipaddress.ip_network(network)
        bits = int(net.network_address), net.prefixlen + (96 if net.version == 4 else 0)
        at = 0
        for i in range(bits[1]):
            side = bits[0] >> (127 - i) & 1
            if i + 1 == bits[1]:
                nodes[at][side] = ("data", len(data))
            else:
                if nodes[at][side] == 0:
                    nodes.append([0, 0])
                    nodes[at][side] = len(nodes) - 1
                at = nodes[at][side]
        data += value(record)
    n = len(nodes)

    def record(r):
        return n if r == 0 else n + 16 + r[1] if isinstance(r, tuple) else r
    tree = b"".join(record(r).to_bytes(3, "big") for node in nodes for r in node)
    meta = {"node_count": n, "record_size": Short(24), "ip_version": Short(6), "database_type": "Test", "languages": [],
            "binary_format_major_version": Short(2), "binary_format_minor_version": Short(0), "build_epoch": Wide(1), "description": {}}
    with open(path, "wb") as f:
        f.write(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + value(meta))
