"""nfdump's history comes in: exact, once, whatever is interrupted and repeated."""
import collections
import os
import shutil
import signal
import subprocess

import pytest

import oracle
from flowtrove import BIN, SOAK, Traffic, wait_for
from test_exact import differences
from test_peers import Nfcapd

GUID = "guid == 666c6f77-7472-6f76-652d-696d706f7274"
HEAD = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir,ra,eng\n"
BIG = 200000  # records: four chunks


@pytest.fixture(scope="module")
def history(instance, folder):
    """(CSV of Debian's nfdump, the truth of what its nfcapd received)"""
    if not all(shutil.which(p) for p in ("nfcapd", "nfdump")):
        pytest.skip("nfcapd or nfdump is not installed")
    other = Nfcapd(folder)
    records, spans = [], []
    for n, wire in enumerate(("v5", "v9", "ipfix")):
        t = Traffic(folder, other.port, 1200, wire, start=1700000000 + n * 86400, rate=20000, seed=n, exporters=2,
                    source="127.6.%d.1" % n, more=["-a", 10] + (["-i", 0] if wire == "v9" else [])).wait()  # this nfcapd forgets ICMP types of v9
        wait_for("nfcapd to have read all", other.received, pause=0.005)
        for r in oracle.Truth(t.truth).records:
            r.session += n * 1000000
            records.append(r)
        spans.append(t.span)
    other.stop()
    text = subprocess.run(["nfdump", "-r", other.file, "-o", "csv"], capture_output=True, text=True, check=True,
                          env={**os.environ, "TZ": "Europe/Berlin"}).stdout
    path = os.path.join(folder, "history.csv")
    with open(path, "w") as f:
        f.write(text)
    return path, records, (spans[0][0], spans[-1][1])


def take_in(instance, *args, **more):
    return instance.run("ft-import", "-c", instance.conf, *args, user=None, **more)


def receipts(instance):
    path = os.path.join(instance.dir, "state", "imported")
    return open(path).read().splitlines() if os.path.exists(path) else []


def sums(instance, span, where=GUID):
    return {k: v for k, v in instance.totals(span, where).items() if k in ("sessions", "flows", "packets", "bytes")}


def test_what_nfcapd_has_kept_is_imported_exactly_and_once(instance, history):
    path, records, span = history
    r = take_in(instance, "-z", "Europe/Berlin", path)
    assert r.returncode == 0 and "%d flows imported" % len(records) in r.stdout, r.stdout + r.stderr
    instance.wait_flows(len(records), span, where=GUID)
    want = oracle.totals(records)
    assert sums(instance, span) == want
    for entity, count in (("IP", "BYTES"), ("IPPAIR", "SESSIONS"), ("QOS", "PACKETS")):
        wrong = differences(instance.view(entity, count, span=span, where=GUID), oracle.ranking(records, entity, count), entity)
        assert not wrong, "%s by %s: %s" % (entity, count, wrong[:4])
    # nfdump writes whole seconds and the duration: within a second of the truth, as long as they were
    one = instance.sessions(span, where=GUID + " && SRVPORT == 443")
    assert one and all(int(s["last_us"]) >= int(s["first_us"]) for s in one)
    assert min(int(s["first_us"]) for s in one) // 1000000 == min(r.first for r in records if r.server_port == 443) // 1000
    again = take_in(instance, "-z", "Europe/Berlin", path)
    assert again.returncode == 0 and "imported already" in again.stdout
    with open(path) as f:  # under another name, by a pipe
        again = take_in(instance, "-z", "Europe/Berlin", "-", input=f.read())
    assert again.returncode == 0 and "imported already" in again.stdout
    assert sums(instance, span) == want


def made_up(path, first, count, exporter, start):
    """CSV of so many records, each half a session of its own."""
    rows = []
    for i in range(first, first + count):
        ends = "10.%d.%d.%d,192.0.2.%d" % (i >> 16 & 255, i >> 8 & 255, i & 255, i % 250)
        when = "2024-03-%02d 10:%02d:%02d" % (start, i // 60 % 60, i % 60)
        rows.append("%s,%s,0.250,%s,%d,443,TCP,...AP.SF,0,0,%d,%d,0,0,1,2,0,0,0,0,0,0,%s,0/3\n" % (
            when, when, ends, 1024 + i % 60000, 1 + i % 7, 40 + i % 1400, exporter))
    with open(path, "w") as f:
        f.write(HEAD + "".join(rows) + "Summary\nflows,bytes\n%d,0\n" % count)
    return {"flows": count, "sessions": count, "packets": sum(1 + i % 7 for i in range(first, first + count)),
            "bytes": sum(40 + i % 1400 for i in range(first, first + count))}


def span_of(day):
    start = 1709251200 + (day - 1) * 86400  # 2024-03-01
    return start * 1000000, (start + 86400) * 1000000


def test_killed_at_each_step_and_repeated_nothing_is_lost_or_twice(instance, folder):
    names = os.path.join(folder, "points")
    path = os.path.join(folder, "steps.csv")
    want, where = collections.Counter(), GUID + " && EXPIP == 10.9.9.1"
    want.update(made_up(path, 0, 40, "10.9.9.1", 2))
    assert take_in(instance, path, env={"FT_CRASH_COUNT": names}).returncode == 0
    points = len(open(names).readlines())
    assert points >= 5
    for n in range(1, points + 1):
        want.update(made_up(path, 1000 * n, 40 + n, "10.9.9.1", 2))
        r = take_in(instance, path, env={"FT_CRASH_AT": str(n)})
        if n < points:
            assert r.returncode == -signal.SIGKILL
        other = os.path.join(folder, "other%d.csv" % n)  # another file in between: the one that was interrupted is not forgotten
        want.update(made_up(other, 500000 + 1000 * n, 3, "10.9.9.1", 2))
        assert take_in(instance, other).returncode == 0
        r = take_in(instance, path)
        assert r.returncode == 0, r.stderr
    instance.wait_flows(want["flows"], span_of(2), where=where)
    assert sums(instance, span_of(2), where) == want


def test_killed_in_the_middle_of_a_large_file_it_goes_on_from_there(instance, folder):
    path = os.path.join(folder, "big.csv")
    want, where = made_up(path, 0, BIG, "10.9.9.2", 3), GUID + " && EXPIP == 10.9.9.2"
    before = len(receipts(instance))
    p = subprocess.Popen([os.path.join(BIN, "ft-import"), "-c", instance.conf, path], env={**os.environ, "TZ": "UTC"})
    wait_for("its second chunk to be begun", lambda: sum(x.startswith("to ") for x in receipts(instance)[before:]) >= 2,
             pause=0.001)
    p.kill()
    p.wait()
    old = instance.kill("ingest")  # and ft-ingest dies as well
    instance.wait_restarted("ingest", old)
    r = take_in(instance, path)
    assert r.returncode == 0 and "the others were already" in r.stdout, r.stdout + r.stderr
    instance.wait_flows(want["flows"], span_of(3), where=where)
    assert sums(instance, span_of(3), where) == want


@pytest.mark.skipif(not SOAK, reason="make soak")
def test_after_a_reboot_an_interrupted_import_repeats_nothing(instance, folder):
    path = os.path.join(folder, "reboot.csv")
    want, where = made_up(path, 0, BIG, "10.9.9.4", 4), GUID + " && EXPIP == 10.9.9.4"
    before = len(receipts(instance))
    p = subprocess.Popen([os.path.join(BIN, "ft-import"), "-c", instance.conf, path], env={**os.environ, "TZ": "UTC"})
    wait_for("its second chunk to be begun", lambda: sum(x.startswith("to ") for x in receipts(instance)[before:]) >= 2,
             pause=0.001)
    p.kill()
    p.wait()
    instance.down()
    shutil.rmtree(instance.shm)
    instance.up()
    r = take_in(instance, path)
    assert r.returncode == 0 and "may be missing" in r.stderr, r.stdout + r.stderr
    rest = int(r.stdout.split(": ")[1].split()[0])
    assert rest in (BIG - 131072, BIG - 196608)
    instance.wait_flows(rest + 65536, span_of(4), where=where)
    assert sums(instance, span_of(4), where)["flows"] <= BIG
    assert "imported already" in take_in(instance, path).stdout


@pytest.mark.parametrize("text,words", [
    ("2024-03-01 10:00:00,1,2\n", "without -q"),
    ("ts,te,td,sa,da,sp,dp,pr,ipkt\n", "ibyt"),
    (HEAD + "2024-03-01 10:00:00,2024-03-01 10:00:00,0.1,10.0.0.1,10.0.0.2,1,2,TCP,......S.,0,0,1,1.2 M,0,0,0,0,0,0,0,0,0,0,10.1.1.1,0/0\n", "-N"),
    (HEAD + "2024-03-01 10:00:00,2024-03-01 10:00:00,0.1,10.0.0.1,10.0.0.2,1,2,TCP,......S.,0,0,1,100,0,0,0,0,0,0,0,0,0,0,0.0.0.0,0/0\n", "-e ADDRESS"),
    (HEAD + "2024-03-01 10:00:00,2024-03-01 10:00:00,0.1,10.0.0.1,10.0.0\n", "column da"),
])
def test_what_is_wrong_is_said_with_its_line_before_anything_is_sent(instance, folder, text, words):
    path = os.path.join(folder, "wrong.csv")
    with open(path, "w") as f:
        f.write(text)
    before = receipts(instance)
    r = take_in(instance, path)
    assert r.returncode == 1 and words in r.stderr and "wrong.csv, line" in r.stderr, r.stderr
    assert receipts(instance) == before


def test_columns_of_later_nfdumps_and_biflows_are_read(instance, folder):
    path = os.path.join(folder, "later.csv")
    with open(path, "w") as f:
        f.write("firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n"
                "2024-03-06 12:00:00.123,00:01:02.500,ICMP,10.0.0.1,0,10.0.0.2,8.0,3,252,1\n"
                "2024-03-06 12:00:01.000,1.500,TCP,2001:db8::1,40000,2001:db8::2,443,5,500,1\n" + HEAD.replace(",dir", "") +
                "2024-03-06 12:01:00,2024-03-06 12:01:01,1.5,10.0.0.3,10.0.0.4,50000,80,TCP,...AP.SF,0,8,4,400,6,6000,1,2,0,0,0,0,16,10.9.9.3,0/1\n")
    assert take_in(instance, "-e", "10.9.9.3", path).returncode == 0
    where = GUID + " && EXPIP == 10.9.9.3"
    instance.wait_flows(4, span_of(6), where=where)
    rows = {s["client_ip"]: s for s in instance.sessions(span_of(6), where=where)}
    ping = rows["10.0.0.1"]
    assert (ping["icmp_type"], ping["client_packets"], int(ping["last_us"]) - int(ping["first_us"])) == ("8", "3", 62500000)
    assert ping["first_us"] == "1709726400123000"
    assert (rows["2001:db8::1"]["server_port"], rows["2001:db8::1"]["client_bytes"]) == ("443", "500")
    both = rows["10.0.0.3"]
    assert [both[k] for k in ("client_bytes", "server_bytes", "client_packets", "server_packets", "client_tos", "server_tos",
                              "in_if", "out_if")] == ["400", "6000", "4", "6", "8", "16", "1", "2"]
