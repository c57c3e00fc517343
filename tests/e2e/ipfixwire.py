"""IPFIX messages made by hand, for senders that no tool is: cut anywhere, stalled, wrong."""
import socket
import struct

START = 1720000000  # flows of these tests begin here, a replay
TEMPLATE = 256
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 8), (152, 8), (153, 8))
RECORD = struct.Struct("!4s4sHHBQQQQ")


def message(sets, sequence=0, domain=1, when=START):
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), when, sequence, domain) + body


def a_set(number, body):
    return struct.pack("!HH", number, 4 + len(body)) + body


def template(number=TEMPLATE, fields=FIELDS):
    return a_set(2, struct.pack("!HH", number, len(fields)) + b"".join(struct.pack("!HH", *f) for f in fields))


def withdrawal(number=TEMPLATE):
    return a_set(2, struct.pack("!HH", number, 0))


def flows(first, count, number=TEMPLATE, size=1000):
    """Flows `first` … of one packet and `size` bytes each, all of different sessions."""
    return a_set(number, b"".join(
        RECORD.pack(bytes((10, (n >> 16) & 255, (n >> 8) & 255, n & 255)), bytes((192, 0, 2, 1)), 1024 + n % 50000, 443, 6, size,
                    1, (START + n % 600) * 1000, (START + n % 600) * 1000 + 5) for n in range(first, first + count)))


def span():
    return (START - 60) * 1000000, (START + 700) * 1000000


def connect(port, host="127.0.0.1", source=None):
    s = socket.create_connection((host, port), timeout=30, source_address=(source, 0) if source else None)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s
