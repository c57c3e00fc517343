"""Bad input gives a clear error and loses nothing."""
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess

import pytest

import oracle
from flowtrove import BIN, DAEMONS, Traffic, free_ports, wait_for
from rpcclient import Client


def start_daemon(name, conf, seconds=20):
    """Run a daemon that is expected not to start; (exit code, what it said)."""
    r = subprocess.run([os.path.join(BIN, "ft-" + name), "-c", conf, "-f"], capture_output=True, text=True, timeout=seconds)
    return r.returncode, r.stdout + r.stderr


# ---- configuration -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("line,words", [
    ("storageintervall 5", ["storageintervall"]),
    ("listenport 700000", ["listenport", "65535"]),
    ("querythreads many", ["querythreads"]),
])
def test_a_bad_line_of_the_configuration_is_named_with_file_and_line(instance, folder, line, words):
    path = os.path.join(folder, "bad.conf")
    good = open(instance.conf).read().rstrip("\n")
    if line.startswith("listenport"):
        good = re.sub(r"(?m)^listenport .*\n", "", good, count=1)
    with open(path, "w") as f:
        f.write(good + "\n" + line + "\n")
    place = "bad.conf:%d" % (good.count("\n") + 2)
    r = instance.run("ft-config", "check", path, user=None)
    assert r.returncode != 0
    assert all(w in r.stdout + r.stderr for w in [place] + words), r.stdout + r.stderr
    for d in DAEMONS:
        code, said = start_daemon(d, path)
        assert code != 0 and place in said and words[0] in said, (d, said)


def test_a_setting_twice_is_refused(instance, folder):
    path = os.path.join(folder, "twice.conf")
    with open(path, "w") as f:
        f.write(open(instance.conf).read() + "\nquerythreads 3\nquerythreads 4\n")
    r = instance.run("ft-config", "check", path, user=None)
    assert r.returncode != 0 and "querythreads" in r.stderr + r.stdout and "twice.conf:" in r.stderr + r.stdout


def test_a_query_port_in_use_names_the_process_that_holds_it(instance, folder):
    text = open(instance.conf).read()
    base = free_ports()
    with socket.socket() as held:
        held.bind(("127.0.0.1", base))
        held.listen()
        path = os.path.join(folder, "port.conf")
        other = os.path.join(folder, "port")
        os.makedirs(other, exist_ok=True)
        text = re.sub(r"(?m)^instance .*", "instance %s-p" % os.path.basename(folder), text)
        text = re.sub(r"(?m)^listenport .*", "listenport %d" % base, text).replace(instance.dir, other)
        with open(path, "w") as f:
            f.write(text)
        code, said = start_daemon("queryd", path)
        assert code != 0
        assert str(base) in said and str(os.getpid()) in said, said
    shutil.rmtree("/dev/shm/flowtrove-%s-p" % os.path.basename(folder), ignore_errors=True)


def test_a_flow_port_in_use_is_named_and_the_others_are_kept(launch, folder):
    two = launch("ports")
    two.down()
    other = free_ports(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", other))
        two.configure({"netflow/netflowport": "%d %d" % (two.flow_port, other)})
        two.up()

        def said():
            text = two.log("ingest") + two.log("sockets")
            return str(other) in text and str(os.getpid()) in text
        wait_for("a word on who holds port %d" % other, said)
        t = Traffic(folder, two.flow_port, 300, "v5", name="ports").wait()
        assert two.wait_flows(t.sent["records"], t.span)["sessions"] == 300


# ---- who may ask -------------------------------------------------------------------------------------------------

def test_a_wrong_password_is_refused(instance):
    r = instance.run("ftstat", "-grp", "IP", "-cnt", "BYTES", password="wrong")
    assert r.returncode == 3 and "password" in r.stderr and not r.stdout
    r = instance.run("ftstat", "-grp", "IP", "-cnt", "BYTES", user="nobody", password="wrong")
    assert r.returncode == 3


def test_an_unprivileged_user_may_not_administer(instance):
    instance.ask("ftum", "-addu", "worker", "secret word")
    assert "worker" in instance.ask("ftum", "-ulist")
    for args in (["-addu", "another", "pw pw pw"], ["-delu", "admin"], ["-admin", "worker"], ["-chpw", "admin", "x y z"]):
        r = instance.run("ftum", *args, user="worker", password="secret word")
        assert r.returncode == 3 and r.stderr, args
    assert "another" not in instance.ask("ftum", "-ulist")
    assert instance.run("ftstat", "-grp", "IP", "-cnt", "BYTES", user="worker", password="secret word").returncode == 0


def test_a_generated_password_must_be_changed_first(launch):
    first = launch("first", first_run=True)
    r = first.run("ftstat", "-grp", "IP", "-cnt", "BYTES")
    assert r.returncode == 3 and "password" in r.stderr
    first.ask("ftum", "-chpw", "admin", "a new secret")
    assert first.run("ftstat", "-grp", "IP", "-cnt", "BYTES", password="a new secret").returncode == 0


# ---- questions ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("where,position", [
    ("SRVPORT ==", 11), ("SRVPORTT == 443", 1), ("PROTO == TCP && (SRVPORT == 80", 31), ("CLNIP == 10.0.0.0/33", 10),
    ("PROTO == TCP &&& PORT == 1", 16), ("SRVPORT == 70000", 12),
])
def test_a_bad_filter_is_refused_with_position_and_expectation(instance, where, position):
    for program in (["ftstat", "-grp", "IP", "-cnt", "BYTES"], ["ftsq"]):
        r = instance.run(*program, "-q", where)
        assert r.returncode == 2 and not r.stdout
        numbers = [int(n) for n in re.findall(r"\d+", r.stderr)]
        assert any(abs(n - position) <= 1 for n in numbers), r.stderr
    c = Client("tcp://127.0.0.1:%d" % instance.base)
    reply, _ = c.ask("stat", auth=admin(instance), group_by="IP", count_by="BYTES", filter=where)
    assert reply["ok"] is False and reply["error"]["code"] == "bad_filter"
    assert abs(int(reply["error"]["at"]) - position) <= 1
    assert re.search("expected|not|at most|between|unknown|missing|needs", reply["error"]["message"]), reply
    c.close()


def admin(instance):
    return {"user": "admin", "password": instance.password}


@pytest.mark.parametrize("frame,code", [
    (b"{not json", "bad_request"), (b"", "bad_request"), (b"\x00\xff\xfe", "bad_request"), (b"[1, 2]", "bad_request"),
    (b'{"v":1,"id":1}', "bad_request"), (b'{"v":1,"id":1,"op":"dance"}', "unknown_op"), (b'{"v":1,"id":1,"op":7}', "bad_request"),
    (b'{"v":99,"id":1,"op":"whoami"}', "bad_request"), (b'{"v":1,"id":1,"op":"whoami"}', "auth"),
    (b'{"v":1,"id":1,"op":"whoami","auth":"x"}', None), (b"[" * 100000, "bad_request"),
    (b'{"v":1,"id":1,"op":"' + b"a" * (2 << 20) + b'"}', "too_large"),
    (b'{"v":1,"id":1,"op":"stat","x":' + b"[" * 60 + b"]" * 60 + b"}", None),
], ids=lambda x: repr(x[:30]) if isinstance(x, bytes) else str(x))
def test_a_bad_request_gets_an_error_and_the_connection_is_kept(instance, frame, code):
    c = Client("tcp://127.0.0.1:%d" % instance.base)
    pid = instance.running("queryd")
    reply = c.raw(frame)
    assert reply["ok"] is False and reply["error"]["message"], reply
    if code:
        assert reply["error"]["code"] == code, reply
    reply, _ = c.ask("whoami", auth=admin(instance))
    assert reply["ok"] is True, reply
    c.close()
    assert instance.running("queryd") == pid


def test_wrong_types_and_values_of_members_are_named(instance):
    c = Client("tcp://127.0.0.1:%d" % instance.base)
    for members, word in (({"group_by": 7}, "group_by"), ({"group_by": "PLANET"}, "PLANET"),
                          ({"group_by": "IP", "count_by": "WEIGHT"}, "WEIGHT"), ({"group_by": "IP", "rows": "x"}, "rows")):
        reply, _ = c.ask("stat", auth=admin(instance), **members)
        assert reply["ok"] is False and word in json.dumps(reply["error"]), reply
    c.close()


def test_garbage_datagrams_are_counted_and_hurt_nothing(instance, folder):
    dice = random.Random(4)
    before = instance.running("ingest")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(2000):
            head = dice.choice((b"", b"\x00\x05", b"\x00\x09\x00\x14", b"\x00\x0a\xff\xff", b"\x00\x0a\x00\x40"))
            s.sendto(head + dice.randbytes(dice.randrange(0, 400)), ("127.0.0.1", instance.flow_port))
    t = Traffic(folder, instance.flow_port, 500, "v9", start=1740000000, source="127.7.0.1").wait()
    instance.wait_flows(t.sent["records"], t.span)
    assert instance.counter("ingest", "bad_datagrams") + instance.counter("ingest", "undecodable") > 500
    assert instance.running("ingest") == before


# ---- disks -------------------------------------------------------------------------------------------------------

def can_mount(folder):
    probe = os.path.join(folder, "probe")
    os.makedirs(probe, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", probe],
                                           capture_output=True).returncode != 0:
        return False
    subprocess.run(["umount", probe], check=True)
    return True


def test_a_full_disk_is_said_and_nothing_is_lost_once_there_is_room(launch, folder):
    if not can_mount(folder):
        pytest.skip("mounting a small tmpfs to fill needs root")
    full = launch("full", {"storage/storageinterval": 1})
    full.down()
    database = os.path.join(full.dir, "database")
    shutil.rmtree(database)
    os.mkdir(database)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=7m", "tmpfs", database], check=True)
    try:
        full.up()
        # whatever the format takes, there is room for little more: a ballast has the rest
        room = os.statvfs(database)
        with open(os.path.join(database, "ballast"), "wb") as f:
            f.write(b"\0" * max(0, room.f_bavail * room.f_frsize - 1500000))
        t = Traffic(folder, full.flow_port, 90000, "v9", start=1730000000, rate=20000, name="full")
        wait_for("a commit that fails", lambda: (full.counter("store", "commit_failures") or 0) > 0, 60)
        assert re.search("full|space", full.log("store")), full.log("store")[-500:]
        t.wait()
        pids = {d: full.running(d) for d in DAEMONS}
        assert all(pids.values())
        assert full.totals(t.span)["flows"] >= 0  # it answers
        subprocess.run(["mount", "-o", "remount,size=400m", database], check=True)
        got = full.wait_flows(t.sent["records"], t.span, 120)
        assert (got["flows"], got["sessions"], got["bytes"]) == (t.sent["records"], t.sent["sessions"], t.sent["bytes"])
        assert {d: full.running(d) for d in DAEMONS} == pids, "a daemon was restarted"
        full.down()
        full.up()
        assert full.totals(t.span)["flows"] == t.sent["records"]
    finally:
        full.down(check=False)
        subprocess.run(["umount", "-l", database])


def ext4(folder, image):
    """Mount it there; False: this machine can't."""
    return subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode == 0


def test_a_disk_that_becomes_read_only_is_said_and_nothing_is_lost(launch, folder):
    image, database = os.path.join(folder, "disk"), os.path.join(folder, "readonly", "database")
    os.makedirs(database)
    subprocess.run(["truncate", "-s", "64M", image], check=True)
    if os.geteuid() != 0 or not all(shutil.which(p) for p in ("mkfs.ext4", "e2fsck")) or \
            subprocess.run(["mkfs.ext4", "-q", "-F", image]).returncode != 0 or not ext4(database, image):
        pytest.skip("a file system of its own needs root, a loop device, mkfs.ext4 and e2fsck")
    try:
        disk = launch("readonly", {"storage/storageinterval": 1})
        before = Traffic(folder, disk.flow_port, 2000, "v9", start=1731000000, name="before").wait()
        disk.wait_flows(before.sent["records"], before.span)
        subprocess.run(["mount", "-o", "remount,abort", database], check=True)  # as after an error of the device
        pids = {d: disk.running(d) for d in DAEMONS}
        after = Traffic(folder, disk.flow_port, 2000, "v9", start=1732000000, seed=2, name="after").wait()
        wait_for("a commit that fails", lambda: (disk.counter("store", "commit_failures") or 0) > 0, 60)
        assert re.search("can't store to disk: .*[Rr]ead-only", disk.log("store")), disk.log("store")[-500:]
        for t in (before, after):  # what was stored, and what is in memory only
            got = disk.wait_flows(t.sent["records"], t.span)
            assert (got["flows"], got["sessions"], got["bytes"]) == (t.sent["records"], t.sent["sessions"], t.sent["bytes"])
        assert {d: disk.running(d) for d in DAEMONS} == pids, "a daemon was restarted"
        disk.down()
        subprocess.run(["umount", database], check=True)
        subprocess.run(["e2fsck", "-p", image], capture_output=True)
        assert ext4(database, image)
        disk.up()
        for t in (before, after):
            got = disk.wait_flows(t.sent["records"], t.span)
            assert (got["flows"], got["sessions"], got["bytes"]) == (t.sent["records"], t.sent["sessions"], t.sent["bytes"])
        verify = disk.run("ft-store", "verify", "-c", disk.conf, user=None)
        assert verify.returncode == 0, verify.stdout
    finally:
        disk.down(check=False)
        subprocess.run(["umount", "-l", database])


@pytest.fixture(scope="module")
def sealed(launch, folder):
    """An instance whose database has several sealed segments, down; its traffic."""
    many = launch("damaged", {"storage/storageinterval": 1, "storage/segmentsize": 20000})
    t = Traffic(folder, many.flow_port, 90000, "v9", start=1720000000, rate=25000, name="sealed").wait()
    many.wait_flows(t.sent["records"], t.span, 120)
    many.down()
    segments = sorted(glob.glob(many.dir + "/database/**/*.seg", recursive=True), key=os.path.getmtime)
    assert len(segments) >= 3, segments
    shutil.copytree(many.dir + "/database", many.dir + "/database.good")
    return many, t, [os.path.relpath(s, many.dir + "/database") for s in segments]


def spoil(path, kind):
    size, dice = os.path.getsize(path), random.Random(kind)
    with open(path, "r+b") as f:
        if kind == "cut short":
            f.truncate(size // 2)
        elif kind == "empty":
            f.truncate(0)
        elif kind == "payload":  # a byte every few KB, past LMDB's first pages
            for at in range(16384 + dice.randrange(4096), size, 65536):
                f.seek(at)
                b = f.read(1)
                f.seek(at)
                f.write(bytes([b[0] ^ 0x40]))
        elif kind == "meta page":
            for at in (24, 32, 4096 + 24, 4096 + 32):
                f.seek(at)
                f.write(b"\xa5" * 8)
        else:  # every page's head: branch, leaf and overflow pages among them
            for page in range(2, size // 4096):
                f.seek(page * 4096 + 10 + dice.randrange(6))
                f.write(dice.randbytes(1))


@pytest.mark.parametrize("kind", ["payload", "meta page", "page heads", "cut short", "empty"])
def test_a_damaged_segment_is_skipped_with_a_warning(sealed, kind):
    many, t, segments = sealed
    database = many.dir + "/database"
    shutil.rmtree(database)
    shutil.copytree(many.dir + "/database.good", database)
    spoil(os.path.join(database, segments[1]), kind)
    many.up()
    try:
        pids = {d: many.running(d) for d in DAEMONS}
        answer = many.view("IP", "BYTES", span=t.span, rows=5)
        flows = answer["total"]["flows"]
        # what was hit may be something that reading does without
        assert 0 < flows < t.sent["records"] and answer["warnings"] or flows == t.sent["records"], (
            "%d of %d flows and not a word" % (flows, t.sent["records"]))
        if kind in ("payload", "cut short", "empty"):
            assert flows < t.sent["records"], "the damage was not noticed"
        rows = many.run("ftsq", "-c", *many.frame(t.span))
        assert rows.returncode == 0 and len(rows.stdout.splitlines()) > 1000
        verify = many.run("ft-store", "verify", "-c", many.conf, user=None)
        assert verify.returncode != 0 and "segment 2" in verify.stdout + verify.stderr
        assert {d: many.running(d) for d in DAEMONS} == pids, "a daemon was restarted"
    finally:
        many.down()


def test_a_deleted_index_is_rebuilt(sealed):
    many, t, segments = sealed
    database = many.dir + "/database"
    shutil.rmtree(database)
    shutil.copytree(many.dir + "/database.good", database)
    for path in glob.glob(database + "/**/index.lmdb*", recursive=True):
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    many.up()
    try:
        total = many.totals(t.span)
        assert (total["flows"], total["sessions"]) == (t.sent["records"], t.sent["sessions"])
        truth = oracle.Truth(t.truth)
        assert total["bytes"] == oracle.totals(truth.records)["bytes"]
    finally:
        many.down()


def test_a_missing_segment_is_said_in_every_answer_it_belongs_to(sealed):
    many, t, segments = sealed
    database = many.dir + "/database"
    shutil.rmtree(database)
    shutil.copytree(many.dir + "/database.good", database)
    os.remove(os.path.join(database, segments[1]))
    many.up()
    try:
        answer = many.view("IP", "BYTES", span=t.span, rows=5)
        assert 0 < answer["total"]["flows"] < t.sent["records"]
        assert any("not there" in w for w in answer["warnings"]), answer["warnings"]
        rows = many.run("ftsq", "-c", *many.frame(t.span))
        assert rows.returncode == 0 and len(rows.stdout.splitlines()) > 1000 and "not there" in rows.stderr
        more = Traffic(many.dir, many.flow_port, 500, "v9", start=1721000000, seed=9, name="more").wait()  # and it stores on
        assert many.wait_flows(more.sent["records"], more.span)["sessions"] == 500
    finally:
        many.down()


def test_repair_and_attach_work_while_ft_store_runs(sealed):
    many, t, segments = sealed
    database, archive = many.dir + "/database", many.dir + "/archive"
    shutil.rmtree(database)
    shutil.copytree(many.dir + "/database.good", database)
    os.makedirs(archive, exist_ok=True)
    spoil(os.path.join(database, segments[1]), "payload")
    before = many.setting("segmentcount")
    many.up()
    try:
        pids = {d: many.running(d) for d in DAEMONS}
        lost = t.sent["records"] - many.totals(t.span)["flows"]
        assert lost > 0
        # what is sound is kept: as many flows as before, without a warning
        r = many.run("ft-store", "repair", "-c", many.conf, user=None)
        assert r.returncode == 0 and "lost" in r.stdout, r.stdout + r.stderr
        wait_for("queries to read the repaired file", lambda: not many.view("IP", "BYTES", span=t.span, rows=5)["warnings"])
        assert many.totals(t.span)["flows"] == t.sent["records"] - lost
        assert many.run("ft-store", "verify", "-c", many.conf, user=None).returncode == 0
        # and with a backup everything: its segment is put in the place of the one that has lost blocks
        shutil.copy(os.path.join(many.dir, "database.good", segments[1]), os.path.join(database, segments[1] + ".part"))
        os.rename(os.path.join(database, segments[1] + ".part"), os.path.join(database, segments[1]))
        wait_for("all flows", lambda: many.totals(t.span)["flows"] == t.sent["records"])
        # the oldest goes to the archive, and comes back
        have = len(glob.glob(database + "/segments/*.seg"))
        many.configure({"storage/segmentcount": have - 1, "storage/archive": archive})
        many.kill("store", signal.SIGHUP)
        wait_for("the oldest segment to be archived", lambda: glob.glob(archive + "/*.seg"))
        assert many.totals(t.span)["flows"] < t.sent["records"]
        r = many.run("ft-store", "attach", archive, "-c", many.conf, user=None)
        assert r.returncode == 1 and "raise it first" in r.stderr
        many.configure({"storage/segmentcount": before})
        many.kill("store", signal.SIGHUP)
        wait_for("the configuration to be read", lambda: many.log("store").count("storage/segmentcount changed") >= 2)
        many.ask("ft-store", "attach", archive, "-c", many.conf, user=None)
        wait_for("all flows", lambda: many.totals(t.span)["flows"] == t.sent["records"])
        assert not many.view("IP", "BYTES", span=t.span, rows=5)["warnings"]
        assert {d: many.running(d) for d in DAEMONS} == pids, "a daemon was restarted"
        many.down()
        many.up()
        assert many.totals(t.span)["flows"] == t.sent["records"]
    finally:
        many.configure({"storage/segmentcount": before, "storage/archive": '""'})
        many.down()
