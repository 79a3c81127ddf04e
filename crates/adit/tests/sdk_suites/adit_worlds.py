"""A plugin for pytest: gives each test of the SDK's suites a world of its own, and writes down how it ended.

ADIT_RESET is where worlds are asked for, ADIT_RESULTS the file for the results: how many tests were collected, how each
ended, and at the very end the exit status, so that a run that broke off is told from a whole one. Tests of API tokens run
although the SDK's authors have switched them off for their mock.
"""

import os
import urllib.parse
import urllib.request

import pytest


def _name(node):
    return node.nodeid.split("api_resources/", 1)[-1]


def _write(kind, what):
    with open(os.environ["ADIT_RESULTS"], "a", encoding="utf-8") as results:
        results.write(f"{kind}\t{what}\n")


def pytest_collection_modifyitems(items):
    for item in items:
        if "token" in _name(item).split("::")[0]:
            item.own_markers = [mark for mark in item.own_markers if mark.name != "skip"]


def pytest_collection_finish(session):
    _write("collected", len(session.items))


@pytest.fixture(autouse=True)
def fresh_world(request):
    suite = urllib.parse.urlencode({"suite": _name(request.node)})
    reset = urllib.request.Request(f"{os.environ['ADIT_RESET']}?{suite}", method="POST")
    urllib.request.urlopen(reset, timeout=30).read()
    yield


def pytest_runtest_logreport(report):
    if report.when == "call" or report.skipped:
        _write(report.outcome, _name(report))
    elif report.failed:
        # Before or after the test itself: no server, or no world.
        _write("broken", _name(report))


def pytest_sessionfinish(exitstatus):
    _write("finished", int(exitstatus))
