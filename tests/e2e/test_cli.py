"""The command line: formats, exit codes, pictures, times, pipes."""
import csv
import io
import json
import os
import struct
import subprocess

import pytest

from flowtrove import BIN, ROOT, SESSION_COLUMNS, Instance, Traffic

PROGRAMS = ("ftsq", "ftstat", "ftum", "ft-ctl", "ft-config", "ft-store", "ft-import")


@pytest.fixture(scope="module")
def span(instance, folder):
    t = Traffic(folder, instance.flow_port, 3000, "ipfix", more=["-a", 10]).wait()
    instance.wait_flows(t.sent["records"], t.span)
    return t.span


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(instance, program):
    r = instance.run(program, "-h", user=None)
    assert r.returncode == 0 and "usage" in (r.stdout + r.stderr).lower() and len(r.stdout) > 200
    r = instance.run(program, "--version", user=None)
    assert r.returncode == 0 and any(c.isdigit() for c in r.stdout)


@pytest.mark.parametrize("program,section", [("ftsq", 1), ("ftstat", 1), ("ftum", 1), ("ft-ctl", 1), ("ft-config", 1),
                                             ("ft-store", 8), ("ft-import", 8)])
def test_every_program_has_a_man_page(program, section):
    assert os.path.getsize(os.path.join(ROOT, "docs", "man", "%s.%d" % (program, section))) > 300


def test_help_explains_every_option():
    for program, options in (("ftsq", "-s -p -un -up -us -te -tl -tn -e -ei -ef -q -c -C -j -v -r -slices"),
                             ("ftstat", "-s -p -un -up -us -te -tl -tn -e -ei -ef -q -c -C -j -v -grp -cnt -snd -rcv -w -r "
                                        "-g -gx -gy"),
                             ("ftum", "-chpw -addu -delu -admin -noadmin -ulist")):
        text = subprocess.run([os.path.join(BIN, program), "-h"], capture_output=True, text=True).stdout
        words = text.replace(",", " ").replace("|", " ").replace("[", " ").replace("]", " ").split()
        assert not [o for o in options.split() if o not in words], program


def test_tables_are_aligned_and_in_units_people_read(instance, span):
    text = instance.ask("ftstat", "-grp", "IP", "-cnt", "BYTES", "-r", 10, *instance.frame(span))
    lines = text.splitlines()
    assert len(lines) >= 11 and any("172.16." in x for x in lines)
    assert any(unit in text for unit in ("KB", "MB", " k", " M", "K ", "KiB", "MiB", "kB", "K"))


def test_csv_and_json_agree(instance, span):
    frame = instance.frame(span)
    rows = json.loads(instance.ask("ftstat", "-j", "-grp", "IP", "-cnt", "BYTES", "-r", 7, *frame))["rows"]
    plain = list(csv.reader(io.StringIO(instance.ask("ftstat", "-c", "-grp", "IP", "-cnt", "BYTES", "-r", 7, *frame))))
    assert len(plain) == 7 and [r[0] for r in plain] == [r["key"] for r in rows]
    headed = instance.ask("ftstat", "-C", "-grp", "IP", "-cnt", "BYTES", "-r", 7, *frame)
    assert headed == instance.ask("ftstat", "-c+", "-grp", "IP", "-cnt", "BYTES", "-r", 7, *frame) or "elapsed" in headed
    head = next(csv.reader(io.StringIO(headed)))
    assert head[:3] == ["key", "label", "value"] and len(head) == len(plain[0])


def test_ftsq_formats_agree(instance, span):
    frame = instance.frame(span)
    plain = instance.sessions(span)
    objects = [json.loads(x) for x in instance.ask("ftsq", "-j", *frame).splitlines()]
    assert len(plain) == len(objects) == 3000
    key = {o["session_id"]: o for o in objects}
    for p in plain:
        o = key[p["session_id"]]
        for c in SESSION_COLUMNS:
            text = "" if o[c] is None else str(o[c])
            if isinstance(o[c], bool):
                continue
            assert p[c] == text, (c, p[c], o[c])
    head = instance.ask("ftsq", "-C", *frame).splitlines()[0]
    assert head.split(",") == SESSION_COLUMNS
    assert len(instance.ask("ftsq", "-c", "-r", 10, *frame).splitlines()) == 10
    table = [x for x in instance.ask("ftsq", *frame).splitlines() if " -> " in x]
    assert len(table) == len(objects)
    assert all(o["client_ip"] in x and o["server_ip"] in x for o, x in zip(objects, table))
    assert "172.16." in instance.ask("ftsq", "-r", 5, *frame)


def test_a_pipe_that_closes_ends_the_command_quietly(instance, span):
    env = {**os.environ, "TZ": "UTC", "FLOWTROVE_PORT": str(instance.base), "FLOWTROVE_USERNAME": "admin",
           "FLOWTROVE_PASSWORD": instance.password}
    for program in (["ftsq", "-c"], ["ftsq"], ["ftsq", "-j"], ["ftstat", "-grp", "IP", "-cnt", "BYTES", "-r", "100000"]):
        p = subprocess.Popen([os.path.join(BIN, program[0]), *program[1:], *instance.frame(span)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=env)
        p.stdout.readline()
        p.stdout.close()
        assert p.stderr.read() == b""
        assert p.wait(20) in (0, -13, 141)
        p.stderr.close()


@pytest.mark.parametrize("code,args,more", [
    (2, ["ftstat"], {}), (2, ["ftstat", "-grp", "IP", "-cnt"], {}), (2, ["ftstat", "-nonsense"], {}),
    (2, ["ftstat", "-grp", "PLANET", "-cnt", "BYTES"], {}), (2, ["ftstat", "-grp", "IP", "-cnt", "WEIGHT"], {}),
    (2, ["ftstat", "-grp", "IP", "-cnt", "BYTES", "-snd", "-rcv"], {}),
    (2, ["ftstat", "-grp", "IP", "-cnt", "BYTES", "-gx", "100"], {}),
    (2, ["ftsq", "-tn", "2d1w"], {}), (2, ["ftsq", "-te", "01/02/25 00:00:00"], {}), (2, ["ftsq", "-tn", "soon"], {}),
    (2, ["ftsq", "-ei", "3"], {}), (2, ["ftsq", "-te", "2025-13-01T00:00:00", "-tl", "2025-13-02T00:00:00"], {}),
    (3, ["ftsq"], {"password": "no"}), (1, ["ftsq", "-p", "1"], {}), (2, ["ftsq", "-p", "70000"], {}),
    (1, ["ftum", "-delu", "whoisthat"], {}), (2, ["ft-ctl", "dance"], {"user": None}),
    (1, ["ft-config", "check", "/nonexistent.conf"], {"user": None}),
], ids=lambda x: " ".join(x) if isinstance(x, list) else None)
def test_exit_codes_say_whose_fault_it_was(instance, code, args, more):
    r = instance.run(*args, **more)
    assert r.returncode == code, r.stderr
    assert r.stderr.strip() and len(r.stderr) < 4000


def test_units_of_time_in_the_wrong_order_are_shown_in_the_right_one(instance):
    assert "1w2d" in instance.run("ftsq", "-tn", "2d1w").stderr


@pytest.mark.parametrize("args", [["-tn", "15m"], ["-tn", "-1y2M3w4d5h6m7s"], ["-te", "01/02/25 03:04:05", "-tl", "01/03/25 00:00:00.5"],
                                  ["-te", "2025-01-02T03:04:05Z", "-tl", "2025-01-03T00:00:00+01:00"], []])
def test_times_can_be_written_as_the_manual_and_iso_do(instance, args):
    answer = json.loads(instance.ask("ftstat", "-j", "-grp", "IP", "-cnt", "BYTES", *args))
    length = answer["to_us"] - answer["from_us"]
    want = {"15m": 900, "-1y2M3w4d5h6m7s": None, "01/02/25 03:04:05": 20 * 3600 + 55 * 60 + 55.5,
            "2025-01-02T03:04:05Z": 19 * 3600 + 55 * 60 + 55}.get(args[1] if args else "15m")
    if want:
        assert length == want * 1000000
    if args and args[0] == "-te":
        assert answer["from_us"] == 1735787045000000


@pytest.mark.parametrize("kind", ["tga", "png", "svg"])
def test_pictures_are_drawn(instance, span, folder, kind):
    path = os.path.join(folder, "picture." + kind)
    instance.ask("ftstat", "-grp", "IP", "-cnt", "BYTES", "-w", 30, "-r", 8, "-g", path, "-gx", 640, "-gy", 320,
                 *instance.frame(span))
    data = open(path, "rb").read()
    if kind == "png":
        assert data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", data[16:24]) == (640, 320)
    elif kind == "tga":
        assert struct.unpack("<HH", data[12:16]) == (640, 320)
        assert len(set(data[18:18 + 640 * 320 * 3])) > 10, "one colour only"
    else:
        assert b"<svg" in data[:400] and len(data) > 3000


def test_a_picture_that_can_t_be_written_is_an_error(instance, span):
    r = instance.run("ftstat", "-grp", "IP", "-cnt", "BYTES", "-w", 5, "-g", "/nonexistent/x.png", *instance.frame(span))
    assert r.returncode == 1 and "/nonexistent/x.png" in r.stderr
    r = instance.run("ftstat", "-grp", "IP", "-cnt", "BYTES", "-w", 5, "-g", "x.bmp", *instance.frame(span))
    assert r.returncode == 2 and ".png" in r.stderr


def test_session_keys_replace_the_password(instance, span):
    r = instance.run("ftstat", "-us", "-grp", "IP", "-cnt", "BYTES")
    key = [w for w in r.stderr.split() if len(w) == 32 and set(w) <= set("0123456789abcdef")]
    assert r.returncode == 0 and len(key) == 1, r.stderr
    again = instance.run("ftstat", "-us", key[0], "-grp", "IP", "-cnt", "BYTES", user=None)
    assert again.returncode == 0, again.stderr
    wrong = instance.run("ftstat", "-us", "0" * 32, "-grp", "IP", "-cnt", "BYTES", user=None)
    assert wrong.returncode == 3


def test_status_as_words_and_as_json(instance):
    assert "ingest" in instance.ask("ft-ctl", "status", "-c", instance.conf, user=None)
    status = json.loads(instance.ask("ft-ctl", "status", "-c", instance.conf, "-j", user=None))
    assert {d["name"] for d in status["daemons"]} == {"ingest", "tracker", "store", "queryd", "snmp", "webd"}


def test_exporter_options_select(instance, span):
    frame = instance.frame(span)
    def total(*args):
        return json.loads(instance.ask("ftstat", "-j", "-grp", "PROTO", "-cnt", "BYTES", *args, *frame))["total"]["bytes"]
    parts = [total("-e", "127.0.0.%d" % i) for i in (1, 2, 3)]
    assert all(parts) and sum(parts) == total()
    assert total("-ef", "ipfix") == total() and total("-ef", "nf5") == 0
    assert 0 < total("-e", "127.0.0.1", "-ei", "90") < parts[0]


def test_an_encrypted_server_is_asked_by_its_key_and_others_without_the_library(folder):
    secret = Instance(os.path.join(folder, "secret"))
    try:
        secret.down()
        secret.configure({"listenaddress": "0.0.0.0"})
        secret.up()
        key = open(os.path.join(secret.dir, "users", "curve.pub")).read().strip()
        ask = ("ftstat", "-j", "-grp", "IP", "-cnt", "BYTES")
        r = secret.run(*ask, env={"FLOWTROVE_SERVERKEY": key})
        assert r.returncode == 0 and json.loads(r.stdout)["rows"] == [], r.stderr
        r = secret.run(*ask, timeout=40)
        assert r.returncode == 1 and "FLOWTROVE_SERVERKEY" in r.stderr
        needs = subprocess.run(["ldd", os.path.join(BIN, "ftstat")], capture_output=True, text=True).stdout
        assert "zmq" not in needs or "asan" in needs or "tsan" in needs
    finally:
        secret.remove()
