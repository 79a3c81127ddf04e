"""A plugin for pytest: gives each test of the SDK's suites a world of its own, and writes down how it ended.

ADIT_RESET is where worlds are asked for, ADIT_RESULTS the file for the results. Tests of API tokens run although the
SDK's authors have switched them off for their mock.
"""

import os
import urllib.parse
import urllib.request

import pytest


def _name(node):
    return node.nodeid.split("api_resources/", 1)[-1]


def pytest_collection_modifyitems(items):
    for item in items:
        if "token" in _name(item).split("::")[0]:
            item.own_markers = [mark for mark in item.own_markers if mark.name != "skip"]


@pytest.fixture(autouse=True)
def fresh_world(request):
    suite = urllib.parse.urlencode({"suite": _name(request.node)})
    reset = urllib.request.Request(f"{os.environ['ADIT_RESET']}?{suite}", method="POST")
    urllib.request.urlopen(reset, timeout=30).read()
    yield


def pytest_runtest_logreport(report):
    outcome = report.outcome
    if report.when == "call" or outcome != "passed":
        with open(os.environ["ADIT_RESULTS"], "a", encoding="utf-8") as results:
            results.write(f"{outcome}\t{_name(report)}\n")
