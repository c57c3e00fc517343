"""Packets of made-up conversations, written as a capture file (libpcap's format, Ethernet)."""
import ipaddress
import random
import struct

MAC = b"\x02\x00\x00\x00\x00\x01" + b"\x02\x00\x00\x00\x00\x02"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Capture:
    def __init__(self):
        self.packets = []  # (time in microseconds, frame)

    def packet(self, us, src, dst, proto, payload):
        a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        if a.version == 4:
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), len(self.packets) & 0xffff, 0, 64, proto, 0)
            total = sum(struct.unpack(">10H", head + a.packed + b.packed))
            total = (total & 0xffff) + (total >> 16)
            total = ~((total & 0xffff) + (total >> 16)) & 0xffff
            frame = MAC + b"\x08\x00" + head[:10] + struct.pack(">H", total) + a.packed + b.packed + payload
        else:
            frame = MAC + b"\x86\xdd" + struct.pack(">IHBB", 0x60000000, len(payload), proto, 64) + a.packed + b.packed + \
                payload
        self.packets.append((us, frame))

    def tcp(self, us, src, dst, sport, dport, flags, size):
        self.packet(us, src, dst, 6, struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 8192, 0, 0) + b"t" * size)

    def udp(self, us, src, dst, sport, dport, size):
        self.packet(us, src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + size, 0) + b"u" * size)

    def ping(self, us, src, dst, v6, number, size):
        kind, proto = ((128, 129), 58) if v6 else ((8, 0), 1)
        for i, (a, b) in enumerate(((src, dst), (dst, src))):
            self.packet(us + 700 * i, a, b, proto, struct.pack(">BBHHH", kind[i], 0, 0, number, 1) + b"p" * size)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for us, frame in sorted(self.packets, key=lambda p: p[0]):
                f.write(struct.pack("<IIII", us // 1000000, us % 1000000, len(frame), len(frame)) + frame)


def conversations(start_us, count, seed=1):
    """Capture of `count` conversations over two minutes: TCP, UDP and ping of both families, no 5-tuple twice."""
    dice, cap = random.Random(seed), Capture()
    for n in range(count):
        v6 = dice.random() < 0.3
        client, server = int(60 * dice.random() ** 2), int(90 * dice.random() ** 2)
        src = "2001:db8:c::%x" % (client + 1) if v6 else "10.7.0.%d" % (client + 1)
        dst = "2001:db8:5::%x" % (server + 1) if v6 else "192.0.2.%d" % (server + 1)
        us = start_us + dice.randrange(120000000)
        sport, kind = 20000 + n, dice.random()
        if kind < 0.55:
            dport = dice.choice((443, 443, 80, 22, 25, 8080))
            cap.tcp(us, src, dst, sport, dport, SYN, 0)
            cap.tcp(us + 900, dst, src, dport, sport, SYN | ACK, 0)
            cap.tcp(us + 1700, src, dst, sport, dport, ACK, 0)
            t = us + 2500
            for _ in range(int(dice.expovariate(0.12)) + 1):
                if dice.random() < 0.3:
                    cap.tcp(t, src, dst, sport, dport, PSH | ACK, dice.randrange(1, 700))
                else:
                    cap.tcp(t, dst, src, dport, sport, PSH | ACK, dice.randrange(1, 1400))
                t += dice.randrange(500, 90000)
            cap.tcp(t, src, dst, sport, dport, FIN | ACK, 0)
            cap.tcp(t + 800, dst, src, dport, sport, FIN | ACK, 0)
            cap.tcp(t + 1500, src, dst, sport, dport, ACK, 0)
        elif kind < 0.95:
            dport = dice.choice((53, 53, 123, 443, 5353))
            for i in range(dice.randrange(1, 4)):
                cap.udp(us + i * 20000, src, dst, sport, dport, dice.randrange(20, 90))
                cap.udp(us + i * 20000 + 1300, dst, src, dport, sport, dice.randrange(40, 900))
        else:
            cap.ping(us, src, dst, v6, n & 0xffff, 56)
    return cap
