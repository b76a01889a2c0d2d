"""What the tests need besides pytest-odoo, and how much they tried."""

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis.internal.conjecture.engine import ConjectureRunner

from odoo.tools import config

FIGURES = Counter()


@pytest.fixture(scope="session", autouse=True)
def own_file_store(load_registry):
    """Workers have a database each, and pytest-odoo one file store for all: what one deletes, another would miss."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    shared = Path(config.filestore(config["db_name"][0] if isinstance(config["db_name"], list) else config["db_name"]))
    own = shared.with_name(f"{shared.name}-{os.environ['PYTEST_XDIST_WORKER']}")
    shutil.rmtree(own, ignore_errors=True)
    if shared.exists():
        shutil.copytree(shared, own)
    config.filestore.return_value = str(own)
    yield
    config.filestore.return_value = str(shared)
    shutil.rmtree(own, ignore_errors=True)


# --- Figures: of this process, or of all workers together -----------------------------------------------------------------


def pytest_configure():
    run = ConjectureRunner.run

    def counted_run(runner):
        try:
            run(runner)
        finally:
            FIGURES["inputs by chance"] += runner.valid_test_cases

    ConjectureRunner.run = counted_run


def pytest_sessionfinish(session):
    tests = sys.modules.get("odoo.addons.call_center_billing.tests.figures")
    FIGURES.update(tests.TRIED if tests else {})
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = dict(FIGURES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    FIGURES.update(getattr(node, "workeroutput", {}).get("figures", {}))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("tried")
        for what, count in sorted(FIGURES.items()):
            terminalreporter.write_line(f"{count:8,} {what}")
