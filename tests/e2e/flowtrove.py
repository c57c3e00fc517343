"""What the end-to-end tests stand on: private instances, their command line, traffic, and waiting for facts."""
import contextlib
import csv
import datetime
import glob
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("FT_BIN", os.path.join(ROOT, "build", "bin"))
TOOLS = os.environ.get("FT_TOOLS", os.path.join(os.path.dirname(BIN), "tests"))
LOCAL = os.path.join(ROOT, "deploy", "local")
SOAK = bool(os.environ.get("FT_SOAK"))
DAEMONS = ("ingest", "tracker", "store", "queryd")
SESSION_COLUMNS = (
    "session_id first_us last_us exporter_ip exporter_domain export_version guid client_ip server_ip client_port "
    "server_port proto client_bytes server_bytes client_packets server_packets client_flows server_flows client_flags "
    "server_flags client_tos server_tos in_if out_if client_vlan server_vlan client_mac server_mac client_as server_as "
    "client_mask server_mask next_hop client_country server_country client_netblock server_netblock client_group "
    "server_group icmp_type icmp_code app_id app_name nsel_event nsel_ext_event nat_client_ip nat_client_port "
    "nat_server_ip nat_server_port mpls_label vrf_id forwarding_status sampling_rate direction_rule "
    "direction_disputed end_reason elements in_if_name out_if_name vrf_name").split()
live = []  # instances that are up, for the report of a failure


def wait_for(what, fact, seconds=30.0, pause=0.05):
    """fact() until it is true; its value.  The pause is between looks, not a guess how long something takes."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain for: %s (last seen: %r)" % (seconds, what, value))
        time.sleep(pause)


def free_ports(count=5):
    """The first of `count` ports in a row that are free for TCP and UDP on loopback."""
    dice = random.Random(os.getpid() * 1000003 + time.monotonic_ns())
    for _ in range(300):
        base = dice.randrange(15000, 32000)
        with contextlib.ExitStack() as held:
            try:
                for p in range(base, base + count):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        s = held.enter_context(socket.socket(socket.AF_INET, kind))
                        s.bind(("127.0.0.1", p))
                return base
            except OSError:
                continue
    raise AssertionError("no %d free ports in a row" % count)


def when(us):
    """Microseconds since 1970 as the manual writes a time (the tests run in UTC)."""
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    return t.strftime("%m/%d/%Y %H:%M:%S.%f")


class Instance:
    def __init__(self, folder, settings=None, first_run=False):
        """settings: {"storage/storageinterval": 1, "querythreads": 2} on top of what deploy/local writes."""
        self.dir = str(folder)
        self.conf = os.path.join(self.dir, "flowtrove.conf")
        self.first_run = first_run
        self.base = free_ports()
        if settings:
            subprocess.run([LOCAL, "conf", self.dir, "--base", str(self.base)], check=True)
            self.configure(settings)
        self.up("--base", str(self.base), *(["--first-run"] if first_run else []))

    # -- life
    def up(self, *args, check=True):
        r = subprocess.run([LOCAL, "up", self.dir, *args], capture_output=True, text=True, timeout=120,
                           env={**os.environ, "FT_BIN": BIN})
        if check and r.returncode != 0:
            raise AssertionError("deploy/local up: %s%s\n%s" % (r.stdout, r.stderr, self.last_words()))
        if r.returncode == 0 and self not in live:
            live.append(self)
        return r

    def down(self, check=True):
        r = subprocess.run([LOCAL, "down", self.dir], capture_output=True, text=True, timeout=300,
                           env={**os.environ, "FT_BIN": BIN})
        if self in live:
            live.remove(self)
        if check and r.returncode != 0:
            raise AssertionError("deploy/local down: " + r.stdout + r.stderr)
        return r

    def remove(self):
        if os.path.isdir(os.path.join(self.dir, "service")):
            self.down(check=False)
        if os.path.exists(self.conf):
            shutil.rmtree(self.shm, ignore_errors=True)
        if not os.environ.get("FT_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def configure(self, settings):
        """Change settings in the file: an existing line is replaced, a new one goes into its section."""
        lines = open(self.conf).read().split("\n")
        for name, value in settings.items():
            section, _, key = name.rpartition("/")
            inside, done, out = "", False, []
            for line in lines:
                word = line.split()[:1]
                if word and word[0].startswith("</"):
                    if inside == section and not done:
                        out.append("\t%s %s" % (key, value))
                        done = True
                    inside = ""
                elif word and word[0].startswith("<"):
                    inside = word[0].strip("<>")
                elif word and word[0] == key and inside == section and not done:
                    line, done = line.split(key)[0] + "%s %s" % (key, value), True
                out.append(line)
            if not done:
                out[0:0] = ["<%s>" % section, "\t%s %s" % (key, value), "</%s>" % section] if section else \
                    ["%s %s" % (key, value)]
            lines = out
        with open(self.conf, "w") as f:
            f.write("\n".join(lines))

    def setting(self, key):
        for line in open(self.conf):
            words = line.split()
            if words[:1] == [key]:
                return words[1]
        return None

    @property
    def shm(self):
        return "/dev/shm/flowtrove-" + self.setting("instance")

    @property
    def flow_port(self):
        return self.base + 2

    @property
    def password(self):
        return open(os.path.join(self.dir, "admin-password")).read().strip()

    # -- processes
    def service(self, name):
        return os.path.join(self.dir, "service", name)

    def pid(self, name):
        """Process of a daemon, 0 while it has none."""
        try:
            text = open(os.path.join(self.service(name), "supervise", "pid")).read().strip()
        except OSError:
            return 0
        return int(text) if text else 0

    def running(self, name):
        pid = self.pid(name)
        return pid if pid and os.path.exists("/proc/%d" % pid) else 0

    def kill(self, name, sig=signal.SIGKILL):
        """Signal a daemon; its pid."""
        pid = wait_for("a process of " + name, lambda: self.running(name))
        os.kill(pid, sig)
        return pid

    def wait_restarted(self, name, old, seconds=30):
        return wait_for("%s to be started again" % name,
                        lambda: self.running(name) not in (0, old) and self.running(name), seconds)

    def log(self, name):
        text = ""
        for path in sorted(glob.glob(os.path.join(self.dir, "log", name, "*"))):
            if os.path.basename(path) == "current" or path.endswith(".s"):
                text += open(path, errors="replace").read()
        return text

    def last_words(self, lines=12):
        out = []
        for name in ("sockets",) + DAEMONS:
            out += ["--- %s" % name] + self.log(name).split("\n")[-lines:]
        return "\n".join(out)

    # -- asking
    def run(self, program, *args, user="admin", password=None, input=None, timeout=120, env=None):
        e = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWTROVE_", "FLOWTRAQ_"))}
        e.update(TZ="UTC", FLOWTROVE_SERVER="127.0.0.1", FLOWTROVE_PORT=str(self.base))
        if user:
            e.update(FLOWTROVE_USERNAME=user, FLOWTROVE_PASSWORD=self.password if password is None else password)
        e.update(env or {})
        return subprocess.run([os.path.join(BIN, program), *map(str, args)], capture_output=True, text=True, env=e,
                              input=input, timeout=timeout, stdin=subprocess.DEVNULL if input is None else None)

    def ask(self, program, *args, **more):
        r = self.run(program, *args, **more)
        if r.returncode != 0:
            raise AssertionError("%s %s ended with %d: %s" % (program, " ".join(map(str, args)), r.returncode, r.stderr))
        return r.stdout

    @staticmethod
    def frame(span):
        return ["-te", when(span[0]), "-tl", when(span[1])] if span else []

    def view(self, entity, count="BYTES", direction="total", where=None, span=None, rows=25, slots=None, more=()):
        """ftstat -j as an object."""
        args = ["-j", "-grp", entity, "-cnt", *count.split(), "-r", rows]
        args += {"total": [], "sent": ["-snd"], "received": ["-rcv"]}[direction]
        args += ["-q", where] if where else []
        args += ["-w", slots] if slots else []
        return json.loads(self.ask("ftstat", *args, *self.frame(span), *more))

    def totals(self, span, where=None):
        return self.view("PROTO", rows=1, span=span, where=where)["total"]

    def sessions(self, span, where=None, more=()):
        """ftsq -c as a list of objects, every cell a string."""
        args = ["-c"] + (["-q", where] if where else [])
        text = self.ask("ftsq", *args, *self.frame(span), *more)
        return [dict(zip(SESSION_COLUMNS, row)) for row in csv.reader(io.StringIO(text))]

    def session_objects(self, span, where=None, more=()):
        args = ["-j"] + (["-q", where] if where else [])
        return [json.loads(x) for x in self.ask("ftsq", *args, *self.frame(span), *more).splitlines() if x]

    def slices(self, span, where=None):
        return self.session_objects(span, where, more=["-slices"])

    def counter(self, process, name):
        """A counter as ft-ctl status shows it; None while the daemon can't be asked."""
        r = self.run("ft-ctl", "status", "-c", self.conf, "-j", user=None)
        try:
            return next(d for d in json.loads(r.stdout)["daemons"] if d["name"] == process)["counters"][name]
        except (ValueError, KeyError, TypeError, StopIteration):
            return None

    def wait_flows(self, flows, span, seconds=60, where=None):
        """Until that many flows can be queried; the totals then."""
        last = {}

        def there():
            r = self.run("ftstat", "-j", "-grp", "PROTO", "-cnt", "BYTES", "-r", 1, *self.frame(span), *(["-q", where] if where else []))
            if r.returncode == 0:
                last.update(json.loads(r.stdout)["total"])
                return last if last.get("flows", 0) >= flows else None
            last["error"] = r.stderr
            return None
        try:
            return wait_for("%d flows to be stored" % flows, there, seconds, pause=0.1)
        except AssertionError as e:
            raise AssertionError("%s; totals are %r; ingest: flows %r kernel_drops %r, tracker: flows %r slices %r, store: "
                                 "slices %r" % (e, last, self.counter("ingest", "flows"),
                                                self.counter("ingest", "kernel_drops"), self.counter("tracker", "flows"),
                                                self.counter("tracker", "slices"), self.counter("store", "slices")))


class Traffic:
    """A run of the traffic generator: wait() for its end; .sent is what it said, .truth the file, .span a frame round it."""

    def __init__(self, folder, port, sessions, wire="v9", start=1750000000, rate=25000, seed=1, exporters=3,
                 source="127.0.0.1", more=(), name=None, progress=False):
        name = name or "%s-%d-%d" % (wire, start, seed)
        self.truth = os.path.join(str(folder), name + ".tsv")
        self.progress = os.path.join(str(folder), name + ".progress") if progress else None
        args = ["-f", wire, "-n", sessions, "-e", exporters, "-b", source, "-r", rate, "-s", seed, "-T", self.truth]
        args += [] if "-R" in more else ["-t", start]
        args += ["-P", self.progress] if progress else []
        self.process = subprocess.Popen([os.path.join(TOOLS, "trafficgen"), *map(str, args), *map(str, more), "127.0.0.1",
                                         str(port)], stdout=subprocess.PIPE, text=True)
        self.sent = None

    def wait(self, seconds=600):
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, "the traffic generator failed"
        self.sent = json.loads(out)
        return self

    def running(self):
        return self.process.poll() is None

    @property
    def span(self):
        return (self.sent["start"] - 60) * 1000000, (self.sent["end"] + 60) * 1000000


def read_progress(path):
    """[(wall time in microseconds, records sent)] of trafficgen -P."""
    return [tuple(map(int, line.split())) for line in open(path) if line.endswith("\n")]
