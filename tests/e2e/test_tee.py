"""What comes in is repeated to other collectors: unchanged, from the exporters' addresses, and never in the way."""
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

from captured import Senders
from flowtrove import BIN, wait_for
from test_peers import Nfcapd
from test_programs import fixed

FROM = "127.6.0.%d"


def receiver(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    s.settimeout(20)
    return s


def permitted():
    """May a process of ours send from addresses that are not this host's?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
            return True
        except PermissionError:
            return False


def test_every_datagram_is_repeated_unchanged_from_its_exporters_address(wire):
    senders, want = Senders(), []
    with receiver(wire.tee) as netflow, receiver(wire.tee + 2) as sflow:
        flows = [("10.6.0.1", "192.0.2.6", 6, 1024 + i, 443, 1, 100, 1750000000000000, 1750000000000000, 2) for i in range(100)]
        for i, payload in enumerate(fixed(7, flows, 1750000000000000) + [b"no flow export at all", b"\x00"]):
            senders.send(FROM % (i + 1), payload, wire.flow_port)
            want.append((FROM % (i + 1) if permitted() else "127.0.0.1", payload))
        senders.send(FROM % 9, struct.pack(">IIIIIII", 5, 1, 0x7f060009, 0, 1, 1, 0), wire.base + 4)
        got = []
        for _ in want:
            payload, source = netflow.recvfrom(65536)
            got.append((source[0], payload))
        assert sorted(got) == sorted(want)
        payload, source = sflow.recvfrom(65536)
        assert source[0] == (FROM % 9 if permitted() else "127.0.0.1") and payload[:4] == b"\0\0\0\5"
    senders.close()


@pytest.mark.skipif(not (shutil.which("nfcapd") and shutil.which("nfdump")), reason="nfcapd or nfdump is not installed")
def test_another_collector_beside_it_has_the_same_flows(wire):
    folder = os.path.join(wire.dir, "tee")
    os.mkdir(folder)
    other, senders = Nfcapd(folder, wire.tee + 1), Senders()
    start, dropped = (int(time.time()) - 3600) * 1000000, wire.counter("ingest", "tee_dropped")
    flows = [("10.6.1.%d" % (i % 200 + 1), "192.0.2.6", 17, 1024 + i, 53, 2, 100 + i, start, start + 1000000, 0)
             for i in range(480)]
    for payload in fixed(7, flows, start):
        senders.send(FROM % 20, payload, wire.flow_port)
    span = start - 60000000, start + 60000000
    total = wire.wait_flows(len(flows), span, where="EXPIP == " + FROM % 20)
    wait_for("nfcapd to have read all", other.received)
    other.stop()
    rows = other.dump()
    assert (len(rows), sum(int(r[12]) for r in rows)) == (total["flows"], total["bytes"])
    if permitted():
        shown = subprocess.run(["nfdump", "-r", other.file, "-q", "-o", "fmt:%ra"], capture_output=True, text=True, check=True)
        assert set(shown.stdout.split()) == {FROM % 20}
    assert wire.counter("ingest", "tee_dropped") == dropped
    senders.close()


@pytest.mark.parametrize("word,said", [("192.0.2.1", "HOST:PORT"), ("127.0.0.1:OWN", "itself")])
def test_a_target_that_can_not_be_is_refused_in_words(wire, tmp_path, word, said):
    text = open(wire.conf).read()
    conf, port = tmp_path / "tee.conf", wire.tee + 1
    text = text.replace("netflowport %d" % wire.flow_port, "netflowport %d" % port)
    text = text.replace("sflowport %d" % (wire.base + 4), "sflowport %d" % (wire.tee + 2))
    text = text.replace("tee 127.0.0.1:%d 127.0.0.1:%d" % (wire.tee, wire.tee + 1), "tee " + word.replace("OWN", str(port)))
    text = text.replace(wire.dir, str(tmp_path)).replace("instance " + wire.setting("instance"), "instance tee-%d" % os.getpid())
    conf.write_text(text)
    r = subprocess.run([os.path.join(BIN, "ft-ingest"), "-c", str(conf), "-f"], capture_output=True, text=True, timeout=20)
    shutil.rmtree("/dev/shm/flowtrove-tee-%d" % os.getpid(), ignore_errors=True)
    assert r.returncode != 0 and said in r.stderr, r.stderr
