"""ft-proxy as a process of a test: its configuration, its life, what it says of itself."""
import json
import os
import signal
import subprocess
import tempfile

from flowtrove import BIN, free_ports, wait_for
from rpcclient import Client

SAME = ("first_us last_us exporter_ip exporter_domain export_version client_ip server_ip client_port server_port proto client_bytes "
        "server_bytes client_packets server_packets client_flows server_flows client_flags server_flags client_tos server_tos "
        "in_if out_if client_vlan server_vlan client_mac server_mac client_as server_as client_mask server_mask next_hop "
        "icmp_type icmp_code app_id app_name nsel_event nsel_ext_event nat_client_ip nat_client_port nat_server_ip "
        "nat_server_port mpls_label vrf_id forwarding_status sampling_rate direction_rule end_reason elements in_if_name out_if_name vrf_name").split()


def guid():
    return subprocess.run([os.path.join(BIN, "ft-proxy"), "guid"], capture_output=True, text=True, check=True).stdout.strip()


class Proxy:
    def __init__(self, folder, to, more="", size="64M", listen=""):
        """to: what stands behind forwarder0, forwarder1 …: "127.0.0.1 4739"."""
        self.dir, self.port, self.guid = tempfile.mkdtemp(prefix="p", dir=str(folder)), free_ports(2), guid()
        self.conf, self.to, self.more, self.size = os.path.join(self.dir, "flowproxy.conf"), to, more, size
        self.listen = listen
        self.configure()
        self.process = None
        self.start()

    def configure(self):
        with open(self.conf, "w") as f:
            f.write("instance p%d-%d\nrundir %s/run\ndebuglevel MEDIUM\n<netflow>\n\tnetflowport %d\n\tlistenaddress localhost\n\t%s\n"
                    "</netflow>\n<sflow>\n\tsflowport %d\n\tagentaddress no\n</sflow>\n<recursion>\n\tguid %s\n%s"
                    "\tqueuesize %s\n%s</recursion>\n" % (
                        os.getpid(), self.port, self.dir, self.port, self.listen, self.port + 1, self.guid,
                        "".join("\tforwarder%d %s\n" % x for x in enumerate(self.to)), self.size, self.more))

    def start(self):
        log = open(os.path.join(self.dir, "log"), "a")
        self.process = subprocess.Popen([os.path.join(BIN, "ft-proxy"), "-c", self.conf, "-f"], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log)
        log.close()
        wait_for("ft-proxy to answer", lambda: self.ask("counters"))

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        return self.process.wait(30)

    def remove(self):
        if self.process.poll() is None:
            self.kill(signal.SIGTERM)

    def log(self):
        return open(os.path.join(self.dir, "log")).read()

    def ask(self, op):
        c = Client("ipc://%s/run/proxy.ctl" % self.dir, 2)
        try:
            return c.ask(op)[0]
        except AssertionError:
            return {}
        finally:
            c.close()

    def counter(self, name):
        return wait_for("an answer of ft-proxy", lambda: self.ask("counters").get("counters"))[name]

    def destination(self, i=0):
        return wait_for("an answer of ft-proxy", lambda: self.ask("destinations").get("destinations"))[i]

    def wait_empty(self, flows=None, i=0, seconds=60):
        """Until `flows` came in, and the destination has taken all there is."""
        wait_for("the queue to be empty: %s" % self.log()[-600:],
                 lambda: (flows is None or self.counter("flows") >= flows) and self.destination(i)["queued_flows"] == 0, seconds)


def comparable(sessions):
    return sorted(tuple(str(s[k]) for k in SAME) for s in sessions)


def interfaces(instance, guid=""):
    """What the collector knows of interfaces of the exporters behind a proxy, or of those that send to it themselves."""
    rows = json.loads(instance.ask("ft-ctl", "interfaces", "-c", instance.conf, "-j", user=None))["interfaces"]
    return sorted((r["exporter"], r["index"], r["name"], r["description"], r["speed"]) for r in rows if (r["guid"] or "") == guid)
