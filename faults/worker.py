"""Odoo worker processes: forked from one that has loaded the add-ons, as Odoo's own are."""

import json
import logging
import os
import signal
import threading
import time
import traceback
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from inject import Injector

from odoo import SUPERUSER_ID, api, sql_db
from odoo.http import root
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.service.server import ThreadedWSGIServerReloadable

DATABASE = "faults"
LONGEST = 240
TRIES = 4


class Work:
    """What one worker does in a step, and what those that it serves ask it for."""

    def __init__(self, cluster, book, mail_port):
        self.cluster, self.book, self.mail_port = cluster, Path(book), mail_port
        self.registry = Registry(DATABASE)

    # --- Acknowledgements -----------------------------------------------------------------------------------------------

    def _is_acknowledged(self, name):
        return self.book.exists() and name in self.book.read_text().splitlines()

    def _acknowledge(self, name):
        with open(self.book, "a") as book:
            book.write(f"{name}\n")

    # --- Requests -------------------------------------------------------------------------------------------------------

    @contextmanager
    def environment(self):
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {"lang": "en_US", "tz": "UTC"})

    def read(self, question):
        with self.environment() as env:
            return question(env)

    def ask(self, name, request, also=None):
        """A request of a user, unless it was acknowledged before; in spite of that if the user sees a reason to: ``also``."""
        if self._is_acknowledged(name) and not (also and self.read(lambda env: bool(also(env)))):
            return
        self.registry.check_signaling()
        with self.environment() as env:
            retrying(lambda: request(env) and None, env)
        self._acknowledge(name)

    def post(self, name, path, body, headers):
        """A post of a machine over HTTP, which is repeated until it is answered."""
        if self._is_acknowledged(name):
            return
        request = urllib.request.Request(f"http://127.0.0.1:{self._serve()}{path}", json.dumps(body).encode())
        for key, value in {"Content-Type": "application/json", "X-Odoo-Database": DATABASE, **headers}.items():
            request.add_header(key, value)
        for left in reversed(range(TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    if b'"error"' in answer.read():
                        raise OSError("refused")
                return self._acknowledge(name)
            except OSError:
                if not left:
                    raise
        return None

    def _serve(self):
        if not hasattr(self, "server"):
            self.server = ThreadedWSGIServerReloadable("127.0.0.1", 0, root)
            threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_port

    def job(self, name, until):
        """Odoo's scheduler runs a job, when it is time, until nothing is left to do."""
        for _time in range(12):
            if not self.read(lambda env: bool(until(env))):
                return
            job = self.read(lambda env: env.ref(name).id)
            with self.cluster.connection(DATABASE) as cr:
                cr.execute("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 day' WHERE id = %s", [job])
            with sql_db.db_connect(DATABASE).cursor() as cr:
                self.registry["ir.cron"]._process_jobs_loop(cr, job_ids=[job])
        if self.read(lambda env: bool(until(env))):
            raise RuntimeError(f"{name} leaves something to do for ever")


def settings():
    """What makes small work many commits, and what is not looked at here: printing."""
    from odoo.addons.base.models.ir_actions_report import IrActionsReport
    from odoo.addons.call_center_billing.formats import reader
    from odoo.addons.call_center_billing.models import call_billing_run
    from odoo.addons.call_center_billing.models.contract_billing import ContractContract

    reader.PART_RECORDS = 40
    call_billing_run.AT_ONCE = 0
    ContractContract._batches.__defaults__ = (2,)
    pdf = Path(__file__).with_name("blank.pdf").read_bytes()
    IrActionsReport._run_wkhtmltopdf = lambda *args, **kwargs: pdf


class Workers:
    """Starts workers one after another, and tells what became of them."""

    def __init__(self, cluster, log, mail_port):
        self.cluster, self.log, self.mail_port = cluster, log, mail_port
        self.book, self.told = cluster.directory / "acknowledged", cluster.directory / "told.json"

    def run(self, step, fault=None, moment=None):
        """Let a worker do a step.

        :param moment: seconds after which it is killed
        :return: whether it came to the end; what it counted
        """
        self.told.unlink(missing_ok=True)
        worker = os.fork()
        if not worker:
            self._work(step, fault)
        deadline, killed_at = time.monotonic() + LONGEST, moment and time.monotonic() + moment
        while True:
            done, status = os.waitpid(worker, os.WNOHANG)
            if done:
                break
            if killed_at and time.monotonic() > killed_at:
                os.kill(worker, signal.SIGKILL)
                killed_at = None
            if time.monotonic() > deadline:
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)
                raise TimeoutError(f"The worker hung for {LONGEST} s")
            time.sleep(0.01)
        return status == 0, json.loads(self.told.read_text()) if self.told.exists() else {}

    def _work(self, step, fault):
        code = 1
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            logging.getLogger().setLevel(logging.WARNING)
            begin = time.monotonic()
            work = Work(self.cluster, self.book, self.mail_port)
            injector = Injector(self.cluster, fault)
            injector.install()
            step(work)
            told = {
                **injector.counts,
                "writing": injector.writing,
                "struck": injector.struck,
                "seconds": time.monotonic() - begin,
            }
            self.told.write_text(json.dumps(told))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def load():
    """Load the add-ons, with what every worker would find out anew, and leave no connection open: workers must not share one."""
    registry = Registry(DATABASE)
    for model in registry.values():
        for field in model._fields.values():
            registry.get_field_trigger_tree(field)
    settings()
    sql_db.close_all()
    sql_db._Pool = sql_db._Pool_readonly = None
