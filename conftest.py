"""What the tests need besides pytest-odoo."""

import os
import shutil
from pathlib import Path

import pytest

from odoo.tools import config


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
