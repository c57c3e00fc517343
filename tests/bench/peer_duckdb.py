"""DuckDB beside queryd in make bench: the sessions as CSV with addresses as numbers, the same questions in SQL, and whether
the answers are the same.  DuckDB comes from npm (tests/bench/duckdb); where it can't be installed the bench says so and
goes on."""
import csv
import functools
import ipaddress
import json
import os
import shutil
import subprocess

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "duckdb")
BOTH = "SELECT client AS a, server AS b, bytes FROM s%s UNION ALL SELECT server, client, bytes FROM s WHERE server <> client%s"


@functools.lru_cache(maxsize=None)
def number(text):
    """An address in its 128-bit form."""
    a = ipaddress.ip_address(text)
    return int(a) if a.version == 6 else 0xffff00000000 | int(a)


def rank(where="", shown=""):
    return "SELECT a, sum(bytes) AS v FROM (%s)%s GROUP BY a ORDER BY v DESC LIMIT 25" % (
        BOTH % (" WHERE " + where if where else "", " AND (%s)" % where if where else ""), " WHERE " + shown if shown else "")


def questions(net):
    n = ipaddress.ip_network(net)
    low, high = number(str(n[0])), number(str(n[-1]))
    inside = "{0} BETWEEN %d::UHUGEINT AND %d::UHUGEINT" % (low, high)
    return {
        "IP by bytes": rank(),
        "pairs by bytes": "SELECT least(client, server) AS x, greatest(client, server) AS y, sum(bytes) AS v FROM s "
                          "GROUP BY x, y ORDER BY v DESC LIMIT 25",
        "unique hosts an IP": "SELECT a, count(DISTINCT b) AS v FROM (%s) GROUP BY a ORDER BY v DESC LIMIT 25" % (BOTH % ("", "")),
        "a port, IP by bytes": rank("client_port = 22 OR server_port = 22"),
        # a ranking of addresses whose filter names some shows only these
        "a network, IP by bytes": rank(inside.format("client") + " OR " + inside.format("server"), inside.format("a")),
    }


def views(net):
    """The same questions for ftstat."""
    def bytes_of(*more):
        return ("ftstat", "-grp", "IP", "-cnt", "BYTES", "-r", 25, *more)
    return {
        "IP by bytes": bytes_of(),
        "pairs by bytes": ("ftstat", "-grp", "IPPAIR", "-cnt", "BYTES", "-r", 25),
        "unique hosts an IP": ("ftstat", "-grp", "IP", "-cnt", "UNIQUE", "IP", "-r", 25),
        "a port, IP by bytes": bytes_of("-q", "PORT == 22"),
        "a network, IP by bytes": bytes_of("-q", "IP == " + net),
    }


def sessions(out, command, env):
    """ftsq's CSV with what DuckDB needs, addresses as numbers."""
    columns = ("client_ip", "server_ip", "client_port", "server_port", "proto", "client_bytes", "server_bytes")
    p = subprocess.Popen([*map(str, command)], env=env, stdout=subprocess.PIPE, text=True)
    rows = csv.reader(p.stdout)
    at = [next(r for r in rows if "client_ip" in r)]
    at = [at[0].index(c) for c in columns]
    with open(out, "w") as f:
        f.write("client,server,client_port,server_port,proto,bytes\n")
        for r in rows:
            if len(r) <= max(at):
                continue
            c, s, cp, sp, proto, cb, sb = (r[i] for i in at)
            f.write("%d,%d,%s,%s,%s,%d\n" % (number(c), number(s), cp, sp, proto, int(cb) + int(sb)))
    assert p.wait() == 0, "ftsq failed"


def same(theirs, ours):
    """Values agree, and keys wherever no other row has the same value."""
    values = [int(r[-1]) for r in theirs]
    if values != [r["value"] for r in ours]:
        return False
    for r, o in zip(theirs, ours):
        keys = o["key"] if isinstance(o["key"], list) else [o["key"]]
        if values.count(int(r[-1])) == 1 and int(r[-1]) != values[-1] and sorted(map(int, r[:-1])) != sorted(map(number, keys)):
            return False
    return True


def answers(folder, table_command, env, net):
    """{question: {"ms", "rows"}}, or words why not."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "there is no npm"
    home = os.path.join(folder, "duckdb")
    shutil.copytree(HERE, home, ignore=shutil.ignore_patterns("node_modules"))
    npm = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=home, capture_output=True, text=True)
    if npm.returncode != 0:
        return "npm could not install it: " + npm.stderr.strip()[-200:]
    table, ask = os.path.join(folder, "sessions.csv"), os.path.join(folder, "questions.json")
    sessions(table, table_command, env)
    with open(ask, "w") as f:
        json.dump(questions(net), f)
    r = subprocess.run(["node", "ask.mjs", table, ask], cwd=home, capture_output=True, text=True)
    os.unlink(table)
    return json.loads(r.stdout) if r.returncode == 0 else "it failed: " + r.stderr.strip()[-200:]
