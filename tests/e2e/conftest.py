import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flowtrove  # noqa: E402


def pytest_report_header(config):
    return "flowtrove: programs of %s, tools of %s%s" % (flowtrove.BIN, flowtrove.TOOLS, ", long" if flowtrove.SOAK else "")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the daemons' last words."""
    report = (yield).get_result()
    if report.failed:
        for instance in flowtrove.live:
            report.sections.append(("daemons of " + instance.dir, instance.last_words()))


def make_folder():
    # short: a control socket's path is bounded, and of this user alone
    return tempfile.mkdtemp(prefix="ft-e2e-")


@pytest.fixture(scope="module")
def folder():
    d = make_folder()
    yield d
    if not os.environ.get("FT_KEEP"):
        shutil.rmtree(d, ignore_errors=True)


@pytest.fixture(scope="module")
def launch(folder):
    """launch(name, settings) starts an instance that the module's end takes down."""
    made = []

    def start(name="instance", settings=None, **more):
        made.append(flowtrove.Instance(os.path.join(folder, name), settings, **more))
        return made[-1]
    yield start
    for instance in made:
        instance.remove()


@pytest.fixture(scope="module")
def instance(launch):
    """The module's own instance, slices every second."""
    return launch("instance", {"storage/storageinterval": 1})


@pytest.fixture(scope="session")
def wire():
    """One instance for all modules that send what exporters send: each uses addresses of its own (127.7 NSEL, 127.8 programs,
    127.9 captures), and every sender is an exporter, also of sFlow."""
    d = make_folder()
    tee = flowtrove.free_ports(3)  # nobody is there until test_tee.py is
    instance = flowtrove.Instance(os.path.join(d, "wire"), {
        "storage/storageinterval": 1, "sflow/agentaddress": "no", "sflow/tee": "localhost:%d" % (tee + 2),
        "netflow/tee": "127.0.0.1:%d 127.0.0.1:%d" % (tee, tee + 1)})
    instance.tee = tee
    yield instance
    instance.remove()
    shutil.rmtree(d, ignore_errors=True)
