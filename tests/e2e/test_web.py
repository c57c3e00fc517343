"""The gateway over real sockets: logins, operations, the manual's calls, and what it does not let anybody do."""
import concurrent.futures
import csv
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.parse
import warnings

import pytest

import flowtrove
import webclient
from flowtrove import Traffic, wait_for


@pytest.fixture(scope="module")
def system(launch):
    """One instance with 2,000 sessions, and a page in a folder of its own."""
    i = launch("instance", {"storage/storageinterval": 1, "web/listen": "\"*\""})
    root = os.path.join(i.dir, "webroot")
    os.makedirs(os.path.join(root, "assets"))
    for name, text in {"index.html": "<!doctype html><html nonce=\"__NONCE__\">hello</html>", "assets/app-1a2b.js": "let a = 1",
                       "assets/app-1a2b.js.br": "brotli", "assets/app-1a2b.js.gz": "gzip", "icon.svg": "<svg/>",
                       ".hidden.txt": "secret", "note.conf": "secret"}.items():
        with open(os.path.join(root, name), "w") as f:
            f.write(text)
    with open(os.path.join(i.dir, "outside.txt"), "w") as f:
        f.write("secret")
    restart_with(i, {"web/webroot": root})
    i.traffic = Traffic(i.dir, i.flow_port, 2000, "v9").wait()
    i.wait_flows(i.traffic.sent["records"], i.traffic.span)
    return i


@pytest.fixture(scope="module")
def web(system):
    return webclient.Web(system)


@pytest.fixture(scope="module")
def tls(system):
    return webclient.Web(system, tls=True)


def restart_with(i, settings):
    i.configure(settings)
    pid = i.kill("webd", 15)
    i.wait_restarted("webd", pid)
    wait_for("ft-webd to listen", lambda: listens(i.base + 1))


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def frame(system):
    return {"from": system.traffic.span[0], "to": system.traffic.span[1]}


# ---- logging in

def test_a_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(web, tls):
    plain, over_tls = web.login(), tls.login()
    assert plain.json() == {"user": "admin", "admin": True, "restricted": False, "must_change_password": False}
    words = [x.strip() for x in plain.headers["set-cookie"].split(";")]
    assert words[0].startswith("flowtrove-%d=" % web.port) and set(words[1:]) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert "Secure" in over_tls.headers["set-cookie"]
    # of this port: another instance on this host has its own; over TLS nobody else can plant it
    assert over_tls.headers["set-cookie"].startswith("__Host-flowtrove-%d=" % web.port) and "; Path=/;" in over_tls.headers["set-cookie"]
    both = "flowtrove-1=%s; %s" % ("0" * 32, plain.cookie)
    assert web.get("/api/v1/session", Cookie=both).json()["user"] == "admin"
    assert web.get("/api/v1/session", Cookie=plain.cookie).json()["user"] == "admin"
    assert web.get("/api/v1/session").status == 401
    assert web.login(password="wrong").status == 401


def test_logging_out_ends_the_token_and_a_login_never_takes_one_that_was_there(web):
    cookie = web.cookie()
    out = web.ask("DELETE", "/api/v1/session", headers={"Cookie": cookie, "X-Flowtrove": "1"})
    assert out.status == 204 and "Max-Age=0" in out.headers["set-cookie"]
    assert web.get("/api/v1/session", Cookie=cookie).status == 401
    # a cookie that somebody has planted: it is replaced, and worth nothing afterwards, also a real one
    for planted in ("flowtrove-%d=%s" % (web.port, "0" * 32), web.cookie()):
        r = web.ask("POST", "/api/v1/session", {"username": "admin", "password": web.instance.password}, {"Cookie": planted})
        assert r.status == 200 and r.cookie != planted
        wait_for("the old token to end", lambda: web.get("/api/v1/session", Cookie=planted).status == 401)
        assert web.get("/api/v1/session", Cookie=r.cookie).status == 200


def test_a_cookie_counts_only_for_requests_of_our_own_pages(web, tls):
    cookie, own = web.cookie(), "http://127.0.0.1:%d" % web.port
    refused = [{}, {"X-Flowtrove": "0"}, {"X-Flowtrove": "1", "Origin": "https://evil.example"},
               {"X-Flowtrove": "1", "Origin": "null"}, {"X-Flowtrove": "1", "Origin": own + ".evil.example"},
               {"X-Flowtrove": "1", "Origin": own.replace("http", "https")},
               {"X-Flowtrove": "1", "Sec-Fetch-Site": "cross-site"}, {"X-Flowtrove": "1", "Sec-Fetch-Site": "same-site"}]
    for headers in refused:
        r = web.ask("POST", "/api/v1/op/whoami", {}, {"Cookie": cookie, **headers})
        assert r.status == 403 and r.json()["code"] == "forbidden", headers
    for headers in ({}, {"Origin": own}, {"Origin": own, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        r = web.ask("POST", "/api/v1/op/whoami", {}, {"Cookie": cookie, "X-Flowtrove": "1", **headers})
        assert r.status == 200, (headers, r.body)
    # nor is somebody logged in, or out, by another site
    for method in ("POST", "DELETE"):
        assert web.ask(method, "/api/v1/session", {"username": "admin", "password": web.instance.password},
                       {"Origin": "https://evil.example", "Cookie": cookie}).status == 403
    # nothing is ever allowed to another origin
    r = web.ask("OPTIONS", "/api/v1/op/whoami", headers={"Origin": "https://evil.example"})
    assert r.status == 405 and not any(h.startswith("access-control") for h in r.headers)


def test_a_token_in_the_authorization_header_needs_no_cookie(web, system):
    token = web.token()
    assert web.op("whoami", token=token).json()["user"] == "admin"
    key = system.run("ftum", "-us", "-ulist").stderr.strip()
    assert web.op("whoami", token=key).json()["user"] == "admin", "a session key is taken too"
    for bad in ("x", "0" * 32, token + "0", token.upper() + "é"):
        assert web.op("whoami", token=bad.encode().decode("latin-1")).status in (400, 401)


def test_wrong_passwords_are_throttled_by_the_address_of_who_is_behind_the_gateway(system, web):
    i = system
    restart_with(i, {"web/behindproxy": "127.0.0.1"})

    def attempt(address, password):
        return web.ask("POST", "/api/v1/session", {"username": "admin", "password": password},
                       {"X-Forwarded-For": "6.6.6.6, " + address, "X-Forwarded-Proto": "https"})
    seen = [attempt("203.0.113.5", "wrong") for _ in range(8)]
    assert {r.status for r in seen} == {401, 429}
    late = [r for r in seen if r.status == 429][0]
    assert int(late.headers["retry-after"]) >= 1 and late.json()["code"] == "throttled"
    assert attempt("203.0.113.5", i.password).status == 429, "also the right one, for whoever guessed"
    good = attempt("203.0.113.6", i.password)
    assert good.status == 200 and "Secure" in good.headers["set-cookie"], "nobody else is kept out"
    # and a cookie is worth nothing elsewhere
    for address, status in (("203.0.113.6", 200), ("203.0.113.7", 401)):
        assert web.ask("GET", "/api/v1/session", headers={"X-Forwarded-For": address, "X-Forwarded-Proto": "https",
                                                          "Cookie": good.cookie}).status == status
    # the audit log names the person's address, not the gateway's
    r = web.ask("POST", "/api/v1/op/users.add", {"name": "joe", "password": "a long password"},
                {"X-Forwarded-For": "203.0.113.6", "X-Forwarded-Proto": "https", "Cookie": good.cookie, "X-Flowtrove": "1"})
    assert r.status == 200, r.body
    assert "from=203.0.113.6 act=users.add" in open(os.path.join(i.dir, "users", "audit.log")).read()
    # what the proxy was not asked by https is sent there
    assert web.ask("GET", "/", headers={"X-Forwarded-For": "203.0.113.6"}).status == 308
    restart_with(i, {"web/behindproxy": "203.0.113.1"})


def test_a_thousand_wrong_passwords_are_throttled_and_disturb_nobody_elsewhere(system, web):
    """More than a minute's worth, as fast as they go, from one address, for a name that is there and many that are not."""
    i = system
    restart_with(i, {"web/behindproxy": "127.0.0.1"})

    def attempt(n, address="203.0.113.66", user=None, password=None):
        return web.ask("POST", "/api/v1/session", {"username": user or ("admin" if n % 2 else "user%d" % n), "password": password or "wrong%d" % n},
                       {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"})
    good = attempt(0, "203.0.113.77", "admin", i.password)
    assert good.status == 200
    mine = {"X-Forwarded-For": "203.0.113.77", "X-Forwarded-Proto": "https", "Cookie": good.cookie, "X-Flowtrove": "1"}
    guessed = i.counter("queryd", "logins_refused")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        attack = [pool.submit(attempt, n) for n in range(1000)]
        others = [pool.submit(web.ask, "POST", "/api/v1/op/whoami", {}, mine) for _ in range(50)]
        logins = [pool.submit(attempt, 0, "203.0.113.78", "admin", i.password) for _ in range(3)]
        status = [a.result().status for a in attack]
        assert {o.result().status for o in others} == {200}, "who is logged in goes on"
        assert {x.result().status for x in logins} == {200}, "who knows the password logs in from elsewhere"
    assert set(status) == {401, 429} and status.count(401) <= 60, "few of them were tried at all: %d" % status.count(401)
    assert i.counter("queryd", "logins_refused") - guessed == status.count(401), "a throttled one costs no hashing"
    assert attempt(1, password=i.password).status == 429, "nor does guessing right help then"
    restart_with(i, {"web/behindproxy": "203.0.113.1"})


def test_the_generated_password_must_be_changed_first(launch):
    i = launch("first", first_run=True)
    web = webclient.Web(i)
    r = web.login()
    assert r.status == 200 and r.json()["must_change_password"] is True
    assert web.get("/api/v1/session", Cookie=r.cookie).json()["must_change_password"] is True
    refused = web.op("users.list", cookie=r.cookie)
    assert refused.status == 403 and refused.json()["code"] == "must_change_password"
    mark = {"Cookie": r.cookie, "X-Flowtrove": "1"}
    assert web.ask("POST", "/api/v1/session/password", {"old": "wrong", "new": "a better one"}, mark).status == 401
    changed = web.ask("POST", "/api/v1/session/password", {"old": i.password, "new": "a better one"}, mark)
    assert changed.status == 200 and changed.json()["must_change_password"] is False
    assert web.op("users.list", cookie=changed.cookie).status == 200
    assert web.get("/api/v1/session", Cookie=r.cookie).status == 401, "the change has ended what was logged in"


# ---- operations

def test_operations_answer_as_json_lines_and_csv(web, system):
    cookie = web.cookie()
    view = web.op("stat", {**frame(system), "group_by": "IPPAIR", "rows": 5}, cookie=cookie).json()["view"]
    assert len(view["rows"]) == 5 and view["total"]["flows"] == system.traffic.sent["records"]
    same = system.view("IPPAIR", span=system.traffic.span, rows=5)["rows"]
    for row in view["rows"] + same:
        row["percent"] = round(row["percent"], 6)
    assert view["rows"] == same, "as ftstat says it"
    lines = web.op("stat", {**frame(system), "group_by": "IPPAIR", "rows": 5}, cookie=cookie,
                   Accept="application/x-ndjson").lines
    assert [r["key"] for r in lines[-1]["reply"]["view"]["rows"]] == [r["key"] for r in view["rows"]]
    table = web.op("stat", {**frame(system), "group_by": "IPPAIR", "rows": 5}, cookie=cookie, Accept="text/csv")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert [int(r["value"]) for r in rows] == [r["value"] for r in view["rows"]]
    # sessions: the same 2,000 in all three forms
    want = {s["session_id"] for s in system.session_objects(system.traffic.span)}
    as_array = web.op("sessions", frame(system), cookie=cookie).json()
    assert {s["session_id"] for s in as_array["sessions"]} == want and as_array["summary"]["sessions"] == len(want)
    *rows, last = web.op("sessions", frame(system), cookie=cookie, Accept="application/x-ndjson").lines
    assert {s["session_id"] for s in rows if "progress" not in s} == want and last["reply"]["summary"]["rows"] == len(want)
    table = web.op("sessions", frame(system), cookie=cookie, Accept="text/csv").body.decode()
    assert {r["session_id"] for r in csv.DictReader(io.StringIO(table))} == {str(x) for x in want}
    empty = web.op("sessions", {"from": 1, "to": 2}, cookie=cookie).json()
    assert empty["sessions"] == [] and empty["summary"]["sessions"] == 0


def test_errors_name_code_place_and_position(web):
    token = web.token()
    r = web.op("stat", {"filter": "SRVPORT == 99999"}, token=token)
    assert r.status == 400 and r.json()["code"] == "bad_filter" and r.json()["position"] == 12
    r = web.op("stat", {"rows": "many"}, token=token)
    assert (r.status, r.json()["code"], r.json()["place"]) == (400, "bad_request", "/rows")
    r = web.op("stat", {"filter": "SRVPORT == 99999"}, token=token, Accept="application/x-ndjson")
    assert r.status == 400, "nothing was said before, so the status tells"
    assert web.op("nothing.such", token=token).status == 400
    assert web.op("stat", {"auth": {"user": "admin", "password": "x"}}, token=token).status == 400
    assert web.op("whoami", {"on_behalf_of": "127.0.0.1"}, token=token).status == 400
    assert web.op("whoami").status == 401
    for body in ("{", "[]", '{"a":1,"a":2}', "[" * 500 + "]" * 500):
        assert web.ask("POST", "/api/v1/op/whoami", body, {"Authorization": "Bearer " + token}).status == 400, body
    assert web.ask("POST", "/api/v1/op/whoami", "a=b", {
        "Authorization": "Bearer " + token, "Content-Type": "text/plain"}).status == 415
    assert web.ask("GET", "/api/v1/op/whoami").status == 405
    assert web.get("/api/v1/nothing").status == 404


def test_a_user_with_a_user_filter_sees_no_more_by_the_web(web, system):
    admin = web.cookie()
    assert web.op("users.add", {"name": "limited", "password": "a long password", "filter": "SRVPORT == 443"},
                  cookie=admin).status == 200
    cookie = web.cookie(user="limited", password="a long password")
    assert web.get("/api/v1/session", Cookie=cookie).json()["restricted"] is True
    got = web.op("sessions", frame(system), cookie=cookie).json()["sessions"]
    assert got and {s["server_port"] for s in got} == {443}
    assert len(got) == len(system.sessions(system.traffic.span, "SRVPORT == 443"))
    assert web.op("users.list", cookie=cookie).status == 403
    assert web.get("/metrics", Cookie=cookie, Host="elsewhere.example").status == 403


def test_a_browser_that_goes_away_cancels_its_query(web, system):
    token = web.token()
    before = system.counter("queryd", "queries_cancelled")
    body = json.dumps({**frame(system), "whole": True})
    head = ("POST /api/v1/op/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
            % (token, len(body)))

    def cancelled():
        many = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(40)]  # more than are answered at once
        for s in many:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.sendall((head + body).encode())
        for s in many:
            s.close()
        return system.counter("queryd", "queries_cancelled") > before
    wait_for("a query to be cancelled", cancelled)
    assert wait_for("no question to be under way", lambda: system.counter("webd", "asked_now") == 0) is not None


def test_queryd_away_is_said_at_once_and_nobody_is_logged_out_by_a_restart(web, system):
    cookie = web.cookie()
    subprocess.run(["sv", "-w", "20", "down", system.service("queryd")], check=True, capture_output=True)
    try:
        r = web.op("whoami", cookie=cookie)
        assert r.status == 503 and int(r.headers["retry-after"]) >= 1 and r.json()["code"] == "unavailable"
        wait_for("it to be unwell", lambda: web.get("/healthz").status == 503)
    finally:
        subprocess.run(["sv", "up", system.service("queryd")], check=True, capture_output=True)
    wait_for("queryd to answer again", lambda: web.op("whoami", cookie=cookie).status == 200)
    pid = system.kill("webd")
    system.wait_restarted("webd", pid)
    wait_for("ft-webd to listen", lambda: listens(web.port))
    assert web.op("whoami", cookie=cookie).json()["user"] == "admin"


# ---- the manual's calls

def test_the_manuals_three_examples_work_with_only_host_and_password_adapted(system):
    at = "http://127.0.0.1:%d/flowtraq/api/v1" % (system.base + 1)

    def curl(*args):
        return json.loads(subprocess.run(["curl", "-sS", *args], check=True, capture_output=True, text=True).stdout)
    token = curl(at + "/auth", "-d", "username=admin&password=" + system.password)["auth_token"]
    assert len(token) == 32
    when = "after_time=%s&before_time=%s" % tuple(urllib.parse.quote(flowtrove.when(t)) for t in system.traffic.span)
    query = "auth_token=%s&group_by=COUNTRY&count_by=BYTES&%s" % (token, when)
    for args in ([at + "/stat?" + query], ["-d", query, at + "/stat"]):
        view = curl(*args)
        assert view["columns"] == ["COUNTRY", "BYTES", "COLORS", "SENT BYTES", "RECV BYTES", "SENT PCKTS", "RECV PCKTS",
                                   "SESS. INIT", "SESS. ACPT", "TIME SERIES"]
        row = view["data"][0]
        assert all(isinstance(c, str) for c in row[:-1]) and all(isinstance(c, str) for c in row[-1])
        assert int(row[1]) == system.view("COUNTRY", span=system.traffic.span, rows=1)["rows"][0]["value"]
        assert len(row[2]) == 8 and sum(int(x) for x in row[-1]) == int(row[1])
    got = curl(at + "/sessions?" + query + "&rows=7")
    assert got["columns"][:3] == ["CLIENT ADDRESS", "CLIENT COUNTRY", "CLIENT AS"] and len(got["data"]) == 7
    total = system.totals(system.traffic.span)
    assert got["summary"] == ["Total sessions: %d" % total["sessions"], "Total Packets: %d" % total["packets"],
                              "Total Bytes: %d" % total["bytes"]]
    assert all(isinstance(c, str) for row in got["data"] for c in row) and got["data"][0][1] == "??"


def test_the_manuals_parameters_are_taken_and_no_other_server_is_asked(web, system):
    token = web.token()

    def stat(**p):
        span = [flowtrove.when(t) for t in system.traffic.span]
        return web.get("/api/v1/stat?" + urllib.parse.urlencode({
            "auth_token": token, "after_time": span[0], "before_time": span[1], **p}))
    assert stat(direction="snd", count_by="PACKETS").json()["columns"][1] == "SENT PACKETS"
    assert stat(direction="rcv").json()["columns"][1] == "RECV BYTES"
    assert stat(count_by="UNIQUE IP", rows="3").status == 200
    assert len(stat(query="SRVPORT == 443", rows=1000).json()["data"]) == len(stat(filter="SRVPORT == 443", rows=1000).json()["data"])
    assert stat(server="localhost", port=str(system.base)).status == 200
    for p in ({"server": "other.example"}, {"port": "1"}, {"rows": "-1"}, {"rows": "x"}, {"query": "SRVPORT =="}):
        assert stat(**p).status == 400, p
    assert web.get("/api/v1/stat?time_range=-15m&auth_token=" + token).status == 200
    assert web.get("/api/v1/stat?time_range=2d1w&auth_token=" + token).json()["code"] == "bad_time"
    assert web.get("/api/v1/stat?after_time=1&auth_token=" + token).status == 400
    assert web.get("/api/v1/stat").status == 401
    assert web.get("/api/v1/stat?query=%ff&auth_token=" + token).status == 400


# ---- files

def test_files_are_served_packed_and_cached_and_screens_get_the_page(web):
    js = web.get("/assets/app-1a2b.js", Accept_Encoding="gzip, deflate, br")
    assert js.status == 200 and js.headers["content-encoding"] == "br" and js.body == b"brotli"
    assert "immutable" in js.headers["cache-control"] and js.headers["content-type"].startswith("text/javascript")
    assert web.get("/assets/app-1a2b.js", Accept_Encoding="gzip, br;q=0").body == b"gzip"
    plain = web.get("/assets/app-1a2b.js")
    assert plain.body == b"let a = 1" and "content-encoding" not in plain.headers
    assert web.get("/assets/app-1a2b.js", If_None_Match=plain.headers["etag"]).status == 304
    head = web.ask("HEAD", "/icon.svg")
    assert head.status == 200 and head.headers["content-length"] == "6" and head.body == b""
    pages = [web.get(p) for p in ("/", "/index.html", "/workspace", "/admin/users")]
    nonces = set()
    for page in pages:
        nonce = page.body.decode().split('nonce="')[1].split('"')[0]
        assert page.status == 200 and "'nonce-%s'" % nonce in page.headers["content-security-policy"]
        nonces.add(nonce)
    assert len(nonces) == len(pages) and all(len(n) >= 20 for n in nonces)
    assert web.get("/flowtraq").headers["location"] == "/"
    assert web.ask("POST", "/").status == 405


@pytest.mark.parametrize("path", [
    "/../outside.txt", "/assets/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/assets/%2e%2e/%2e%2e/outside.txt",
    "//outside.txt", "/..\\outside.txt", "/%5c..%5coutside.txt", "/.hidden.txt", "/note.conf", "/assets/", "/assets/none.js",
    "/outside.txt%00.js", "/%c0%ae%c0%ae/outside.txt", "/assets/%0d%0aX-Evil:%201.js", "/index.html/../../outside.txt",
    "http://127.0.0.1/icon.svg", "/icon.svg#x"])
def test_no_path_leads_out_of_the_folder(web, path):
    out = web.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert out.split()[1] in (b"400", b"404"), out[:200]
    assert b"secret" not in out and b"X-Evil" not in out.split(b"\r\n\r\n")[0]


# ---- bounds

def request(*lines, body=b""):
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@pytest.mark.parametrize("data,status", [
    (request("GET / HTTP/1.1", "Host: x", "X: " + "a" * 17000), 431),
    (request("GET / HTTP/1.1", "Host: x", *["X-%d: 1" % i for i in range(100)]), 431),
    (request("GET /" + "a" * 2000 + " HTTP/1.1", "Host: x"), 414),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Content-Length: 2000000000"), 413),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Content-Length: -1"), 400),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Content-Length: 2", "Content-Length: 3", body=b"{}"), 400),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked"), 501),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    (request("POST /api/v1/session HTTP/1.0", "Host: x", "Transfer-Encoding: chunked"), 400),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", body=b"x\r\n"), 400),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", body=b"2\r\n{}x\r\n"), 400),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", body=b"ffffffff\r\n"), 413),
    (request("POST /api/v1/session HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", body=b"0" * 300), 400),
    (request("GET / HTTP/1.1"), 400), (request("GET / HTTP/1.1", "Host: a", "Host: b"), 400),
    (request("GET / HTTP/1.1", "Host: x", " folded"), 400), (request("GET / HTTP/1.1", "Host : x"), 400),
    (request("GET / HTTP/1.1", "Host: x", "X: a\x01b"), 400), (request("GET  / HTTP/1.1", "Host: x"), 400),
    (request("GET / HTTP/2.0", "Host: x"), 505), (request("get / HTTP/1.1", "Host: x"), 400),
    (b"nonsense\r\n\r\n", 400), (b"\x00\x01\x02\x03\r\n\r\n", 400), (request("GET /%zz HTTP/1.1", "Host: x"), 400),
    (request("GET / HTTP/1.1", "Host: x", "Expect: the-unexpected"), 417)])
def test_what_is_no_request_is_refused_and_the_connection_ended(web, data, status):
    assert web.raw_status(data) == status


def test_a_body_may_come_in_pieces(web):
    """As curl -T - and others send it; cut anywhere, with extensions and trailers, another request right behind."""
    body = json.dumps({"username": "admin", "password": web.instance.password}).encode()
    head = request("POST /api/v1/session HTTP/1.1", "Host: x", "Content-Type: application/json", "Transfer-Encoding: chunked")
    last = request("GET /icon.svg HTTP/1.1", "Host: x", "Connection: close")
    ones = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
    whole = b"%X ; name=value\r\n%s\r\n000\r\nTrailer: x\r\n\r\n" % (len(body), body)
    for data in (ones, whole):
        out = web.raw(head + data + last)
        assert out.count(b"HTTP/1.1 200") == 2 and b'"user":"admin"' in out and out.endswith(b"<svg/>"), out
    s = socket.create_connection(("127.0.0.1", web.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(0, len(head + whole)):
        s.sendall((head + whole)[i:i + 1])
    assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
    s.close()


def test_requests_on_one_connection_are_answered_in_turn(web):
    one = request("GET /healthz HTTP/1.1", "Host: x")
    last = request("GET /icon.svg HTTP/1.1", "Host: x", "Connection: close")
    out = web.raw(one * 3 + last)
    assert out.count(b"HTTP/1.1 200") == 4 and out.endswith(b"<svg/>")
    assert web.raw(request("GET /icon.svg HTTP/1.0")).endswith(b"<svg/>"), "a client of 1.0 gets its answer, and the end"
    s = socket.create_connection(("127.0.0.1", web.port))
    s.sendall(request("POST /api/v1/session HTTP/1.1", "Host: x", "Content-Length: 2", "Expect: 100-continue"))
    assert s.recv(100).startswith(b"HTTP/1.1 100 ")
    s.sendall(b"{}")
    assert s.recv(1000).startswith(b"HTTP/1.1 400 ")
    s.close()


def test_200_stalled_connections_disturb_nobody_and_are_ended(system, web):
    restart_with(system, {"web/requesttime": 3, "web/maxconnections": 150})
    stalled = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(200)]
    for i, s in enumerate(stalled):
        try:
            s.sendall((b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01", request(
                "POST /api/v1/session HTTP/1.1", "Host: x", "Content-Length: 50", body=b"{"))[i % 5])
        except OSError:
            pass  # it had to make room
    cookie = web.cookie()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: web.op("whoami", cookie=cookie).status, range(40)))
    assert set(got) == {200}
    # a byte now and then gains nothing

    def ended(s):
        try:
            s.sendall(b"a")
            s.settimeout(0.01)
            return s.recv(10000) == b""
        except socket.timeout:
            return False
        except OSError:
            return True
    wait_for("all of them to be ended", lambda: all([ended(s) for s in stalled]), seconds=40)
    for s in stalled:
        s.close()
    wait_for("the connections to be gone", lambda: system.counter("webd", "connections") < 20)
    restart_with(system, {"web/requesttime": 20, "web/maxconnections": 1024})


def test_a_slow_reader_holds_nothing_in_memory_and_no_one_up(web, system):
    token = web.token()
    body = json.dumps({**frame(system), "slices": True})
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", web.port))
    slow.sendall(request("POST /api/v1/op/sessions HTTP/1.1", "Host: x", "Authorization: Bearer " + token,
                         "Content-Length: %d" % len(body), body=body.encode()))
    slow.recv(100)
    assert web.op("sessions", frame(system), token=token).status == 200
    rest = b""
    while not rest.endswith(b"0\r\n\r\n"):
        piece = slow.recv(65536)
        assert piece, "the answer was cut short"
        rest += piece
    slow.close()


# ---- TLS

def test_tls_is_of_today_and_the_key_of_its_owner_alone(system, tls, web):
    assert tls.get("/healthz").status == 200
    assert "strict-transport-security" not in tls.get("/").headers, "not for a certificate that browsers can't check"
    key = os.path.join(system.dir, "state", "web", "web.key")
    assert os.stat(key).st_mode & 0o777 == 0o600

    def version(least, most):
        c = webclient.context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            c.minimum_version, c.maximum_version = least, most
        c.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", tls.port)) as s, c.wrap_socket(s) as t:
            return t.version(), t.cipher()[0]
    assert version(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3"
    said, cipher = version(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    assert said == "TLSv1.2" and cipher.startswith("ECDHE-ECDSA-") and ("GCM" in cipher or "CHACHA20" in cipher)
    with pytest.raises(ssl.SSLError):
        version(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    with pytest.raises(ssl.SSLError):
        c = webclient.context()
        c.maximum_version = ssl.TLSVersion.TLSv1_2
        c.set_ciphers("AES128-SHA:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", tls.port)) as s:
            c.wrap_socket(s)


def test_an_own_certificate_is_used_after_a_sighup_and_a_wrong_one_is_not(system, tls):
    crt, key = (os.path.join(system.dir, "own." + x) for x in ("crt", "key"))
    ca, cakey, csr = (os.path.join(system.dir, "ca." + x) for x in ("crt", "key", "csr"))

    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", cakey, "-out", ca, "-subj",
            "/CN=an authority", "-days", "2")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr, "-subj", "/CN=own")
    openssl("x509", "-req", "-in", csr, "-CA", ca, "-CAkey", cakey, "-CAcreateserial", "-out", crt, "-days", "1")

    def presented():
        with socket.create_connection(("127.0.0.1", tls.port)) as s, webclient.context().wrap_socket(s) as t:
            return t.getpeercert(True)
    before, want = presented(), ssl.PEM_cert_to_DER_cert(open(crt).read())
    system.configure({"web/tlscertfile": crt, "web/tlskeyfile": cakey})
    system.kill("webd", 1)
    wait_for("the wrong key to be refused", lambda: "is used on" in system.log("webd"))
    assert presented() == before
    system.configure({"web/tlskeyfile": key})
    system.kill("webd", 1)
    wait_for("the own certificate", lambda: presented() == want)
    assert tls.get("/").headers["strict-transport-security"].startswith("max-age=")
    assert "strict-transport-security" not in webclient.Web(system).get("/").headers


def test_plain_http_from_elsewhere_only_gets_the_way_to_https(system):
    own = subprocess.run("ip -o -4 addr show scope global | awk '{ print $4; exit }'", shell=True, capture_output=True,
                         text=True).stdout.split("/")[0].strip()
    if not own:
        pytest.skip("this machine has no address but loopback")
    i, web = system, webclient.Web(system, host=own)
    r = web.ask("GET", "/workspace?v=1&f=a%20b")
    assert r.status == 308 and r.headers["location"] == "https://%s:%d/workspace?v=1&f=a%%20b" % (own, i.base + 1)
    assert web.login(password="x").status == 403 and web.get("/metrics").status == 308
    assert web.get("/healthz").status == 200
    tls = webclient.Web(i, tls=True, host=own)
    assert tls.login().status == 200
    assert tls.get("/metrics").status == 401, "counters are not for everybody elsewhere"
    assert tls.get("/metrics", Authorization="Bearer " + tls.token()).status == 200


# ---- figures

def test_metrics_are_prometheus_text_of_every_daemon(web, system):
    r = web.get("/metrics")
    assert r.status == 200 and r.headers["content-type"].startswith("text/plain; version=0.0.4")
    values, kinds = {}, {}
    for line in r.body.decode().splitlines():
        if line.startswith("# TYPE "):
            kinds[line.split()[2]] = line.split()[3]
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name.split("{")[0] in kinds
            values[name] = float(value)
    assert values["flowtrove_ingest_flows_total"] == system.counter("ingest", "flows") >= 2000
    assert kinds["flowtrove_ingest_flows_total"] == "counter" and kinds["flowtrove_tracker_entries"] == "gauge"
    for daemon in flowtrove.DAEMONS + ("snmp", "webd"):
        assert values['flowtrove_up{daemon="%s"}' % daemon] == 1
    # not for a page of another site whose name was made to point here, nor for those behind an undeclared proxy
    assert web.get("/metrics", Host="rebound.example").status == 401
    assert web.get("/metrics", X_Forwarded_For="203.0.113.9").status == 308
    assert web.get("/healthz").json() == {"status": "ok"}


# ---- the description

def test_the_description_names_every_path_and_every_path_is_there(web):
    sys.path.insert(0, os.path.join(flowtrove.ROOT, "docs", "protocol"))
    import generate
    import openapi
    served = web.get("/api/v1/openapi.yaml")
    assert served.status == 200 and served.body.decode() == openapi.text(flowtrove.ROOT, generate.operations(), generate.REPLIES)
    described = openapi.describe(flowtrove.ROOT, generate.operations(), generate.REPLIES, "")["paths"]
    assert {"/api/v1/op/" + o[0] for o in generate.operations()} < set(described)
    for path, methods in described.items():
        for method, entry in methods.items():
            r = web.ask(method.upper(), path, headers={"Host": "elsewhere.example"})
            # without credentials: never "no such path"; and only what says so is open
            assert r.status in ((200, 400, 401) if entry.get("security") == [] else (401,)), (method, path, r.status, r.body)
            assert "error" in r.json() if r.status >= 400 else True
