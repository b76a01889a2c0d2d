"""Proves that several Odoo nodes and a replica do what one does: a month's files, billing and mails on two nodes with one database, of which
one is killed in the middle; the same on one node; and portal pages read from a replica that lags, and that is gone.

``./run cluster`` calls it. It prints a table, and fails if anything was lost, doubled, or different. Everything is started here, in a
directory of its own, reached by sockets and loopback only, and ended here."""

import argparse
import http.cookiejar
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "faults")]
import odoo.tools  # noqa: E402, I001

import world  # noqa: E402
from balancer import Balancer  # noqa: E402
from cluster import Cluster  # noqa: E402
from facts import ALWAYS, rows  # noqa: E402

parser = argparse.ArgumentParser(prog="./run cluster", description=__doc__)
parser.add_argument("contracts", nargs="?", type=int, default=200)
parser.add_argument("--calls", type=int, default=50, help="of each contract")
parser.add_argument("--mails", type=int, default=10, help="invoices that are sent with their documents")
parser.add_argument("--config", required=True, help="configuration of Odoo")
parser.add_argument("--database", required=True, help="where the add-ons are installed; it is copied")
parser.add_argument("--cache", required=True, help="directory")
logging.getLogger("odoo.addons.base.models.ir_actions_report").setLevel("ERROR")
DATABASE = "month"
CONNECTIONS = 32
PATIENCE = 600
"""Seconds that a step may take."""


class Replica:
    """A streaming replica of a cluster, in a directory of its own."""

    def __init__(self, primary):
        self.primary, self.directory = primary, primary.directory / "replica"
        self.data = self.directory / "data"

    def create(self):
        self.directory.mkdir()
        self.primary._run("chown", self.primary.owner or os.getuid(), self.directory)
        here = ("-h", self.primary.directory, "-p", "5432", "-U", "odoo")
        self.primary._postgres("pg_basebackup", *here, "-D", self.data, "-R", "-X", "stream", "-C", "-S", "replica", "-c", "fast")
        start = ("-w", "-t", "60", "-l", self.data / "server.log", "-o", f"-k {self.directory}", "start")
        self.primary._postgres("pg_ctl", "-D", self.data, *start)

    def stop(self):
        self.primary._postgres("pg_ctl", "-D", self.data, "-m", "immediate", "stop", check=False)

    def run(self, query, database="postgres"):
        import psycopg2

        connection = psycopg2.connect(host=str(self.directory), port=5432, user="odoo", dbname=database)
        connection.autocommit = True
        try:
            cr = connection.cursor()
            cr.execute(query)
            return cr.fetchone()[0]
        finally:
            connection.close()

    def catch_up(self):
        with self.primary.connection() as cr:
            cr.execute("SELECT pg_current_wal_lsn()")
            (now,) = cr.fetchone()
        wait_for(lambda: self.run(f"SELECT pg_last_wal_replay_lsn() >= '{now}'"), "The replica does not follow")


class Node:
    """One Odoo server that runs the queue."""

    def __init__(self, name, config, port, balancer_port, log):
        self.name, self.port = name, port
        environment = {
            **{
                key: value for key, value in os.environ.items() if not key.startswith("PG")
            },  # Odoo would prefer it to its configuration
            "ODOO_QUEUE_JOB_HOST": "127.0.0.1",
            "ODOO_QUEUE_JOB_PORT": str(balancer_port),
            "ODOO_QUEUE_JOB_CHANNELS": "root:4",
        }
        arguments = f"-d {DATABASE} --db-filter ^{DATABASE}$ --load base,web,queue_job --http-port {port} --max-cron-threads 1"
        command = [sys.executable, "-m", "odoo", "-c", config, *arguments.split(), "--log-level", "info"]
        self.log = log
        with open(log, "w") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"Node {self.name} ended: see {self.log}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/web/login", timeout=30) as answer:
                return answer.status == 200
        except OSError:
            return False

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def wait_for(done, problem, every=0.5):
    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            raise SystemExit(problem)
        time.sleep(every)


class Proof:
    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.replica = Replica(cluster)
        self.results, self.failures, self.nodes = [], [], []
        self.log = Path(options.cache) / "log"

    def note(self, what, found, good=True):
        self.results.append((what, str(found), "" if good is None else "yes" if good else "NO"))
        print(f"  {what:<66} {found!s:>16} {self.results[-1][2]}", flush=True)
        if good is False:
            self.failures.append(what)

    def check(self, what, good, found=""):
        self.note(what, found, bool(good))

    def ask(self, query, database=DATABASE):
        with self.cluster.connection(database) as cr:
            cr.execute(query)
            return cr.fetchone()[0]

    # --- Before -----------------------------------------------------------------------------------------

    def prepare(self, dump):
        from odoo.tools import config

        store = Path(config.filestore(self.options.database))
        values = {
            "db_host": str(self.cluster.directory), "db_port": 5432, "db_user": "odoo", "db_password": False,
            "data_dir": str(self.cluster.files), "db_name": [DATABASE], "db_maxconn": CONNECTIONS,
        }  # fmt: skip
        for name, value in values.items():
            config[name] = value
        self.cluster.restore(dump, store, DATABASE)
        with self.environment(DATABASE) as env:
            world.build(env, self.options.contracts, self.options.calls)
        self.forget(DATABASE)
        self.cluster.copy(DATABASE, "single")

    @contextmanager
    def environment(self, database):
        from odoo import SUPERUSER_ID, api
        from odoo.modules.registry import Registry

        with Registry(database).cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {"lang": "en_US", "tz": "UTC"})

    def forget(self, database):
        """Close what this process has open in a database."""
        from odoo import sql_db
        from odoo.modules.registry import Registry

        Registry.delete(database)
        sql_db.close_db(database)

    # --- The month ----------------------------------------------------------------------------------------

    def single(self):
        """By one process, without the queue: the scheduled jobs themselves."""
        with self.environment("single") as env:
            for step in world.STEPS.values():
                begin = time.monotonic()
                step.start(env, self.options.mails)
                env.cr.commit()
                step.cron(env)
                env.cr.commit()
                assert not step.left(env), f"{step.name} leaves something"
                self.note(f"{step.name} by one process without the queue, seconds", round(time.monotonic() - begin), None)
        self.forget("single")

    def both(self, config):
        """By two nodes, of which the one that leads the queue is killed while it bills."""
        self.balancer = Balancer()
        with self.environment(DATABASE) as env:
            env["ir.config_parameter"].set_param("report.url", f"http://127.0.0.1:{self.balancer.port}")
        self.forget(DATABASE)
        ports = [free_port(), free_port()]
        begin = time.monotonic()
        for name, port in zip("AB", ports, strict=True):
            self.nodes.append(Node(name, config, port, self.balancer.port, self.log / f"cluster-{name}.log"))
            wait_for(self.nodes[-1].is_ready, f"Node {name} does not start")
        self.balancer.targets = ports
        self.note("start of both nodes, seconds", round(time.monotonic() - begin), None)
        for step in world.STEPS.values():
            began = time.monotonic()
            with self.environment(DATABASE) as env:
                step.start(env, self.options.mails)
            if step.name == "billing":
                wait_for(self.is_in_the_middle, "Nothing is billed", every=0.2)
                self.nodes[0].end(signal.SIGKILL)
                billed, total = self.ask(world.BILLED), self.options.contracts
                self.note("contracts billed when node A was killed", f"{billed} of {total}", 0 < billed < total)
                self.balancer.targets = ports[1:]

            def done(step=step):
                with self.environment(DATABASE) as env:
                    return not step.left(env) and not self.ask(world.UNDONE)

            wait_for(done, f"{step.name} does not end: see {self.log}/cluster-B.log", every=1)
            self.note(f"{step.name} by {len(self.balancer.targets)} nodes, seconds", round(time.monotonic() - began), None)
        self.forget(DATABASE)
        with self.cluster.connection(DATABASE) as cr:
            for pid, jobs in rows(cr, "SELECT worker_pid, count(*) FROM queue_job WHERE state = 'done' GROUP BY 1"):
                name = next((node.name for node in self.nodes if str(node.process.pid) == pid), pid)
                self.note(f"jobs done by node {name}", jobs, int(jobs) > 0)
            size = "SELECT (pg_total_relation_size('call_usage_line') / count(*)) FROM call_usage_line"
            self.note("bytes that a call takes in its table, with indexes", rows(cr, size)[0][0], None)
            states = dict(rows(cr, "SELECT state, count(*) FROM queue_job GROUP BY 1"))
            self.check("every job is done", set(states) == {"done"}, states.get("done", 0))
            again = rows(cr, "SELECT name FROM queue_job WHERE retry > 1")
            self.note("jobs begun again, as their node was killed or others were busy with it", len(again), len(again) > 0)
            seconds = "SELECT round(avg(exec_time)::numeric, 1) FROM queue_job WHERE method_name = '_send_as_job'"
            self.note("seconds for documents and mail of an invoice", rows(cr, seconds)[0][0], None)

    def is_in_the_middle(self):
        """Whether some contracts are billed, and node A is at others."""
        working = f"SELECT count(*) FROM queue_job WHERE state = 'started' AND worker_pid = {self.nodes[0].process.pid}"
        return self.ask(world.BILLED) >= self.options.contracts * 0.2 and self.ask(working)

    def compare(self):
        found = {}
        for database in ("single", DATABASE):
            with self.cluster.connection(database) as cr:
                found[database] = {name: rows(cr, query) for name, query in world.FACTS.items()}
                broken = [(name, *row) for name, query in ALWAYS.items() for row in rows(cr, query)]
                self.check(
                    f"what always holds does, {'one node' if database == 'single' else 'two nodes'}", not broken, broken or ""
                )
        for name, expected in found["single"].items():
            same = found[DATABASE][name] == expected
            self.check(f"the same on both: {name}", same, len(expected))
            if not same:
                different = [*(set(expected) - set(found[DATABASE][name])), *(set(found[DATABASE][name]) - set(expected))]
                print(f"    {different[:4]}")

    # --- The replica ----------------------------------------------------------------------------------------

    def portal(self):
        """Pages come from the replica while it runs, as it is; and from the primary when it is gone."""
        open_page = self.log_in()
        page, usage = "/my/statements", self.ask(world.DISPUTABLE)
        self.replica.catch_up()
        self.check("the portal page is there", world.NAME in open_page(page))
        before = self.ask_replica_reads()
        open_page(page)
        self.check("it was read from the replica", self.ask_replica_reads() > before)
        self.replica.run("SELECT 1 FROM pg_wal_replay_pause()")
        with self.cluster.connection(DATABASE) as cr:
            cr.execute("UPDATE contract_contract SET name = %s WHERE name = %s", [world.RENAMED, world.NAME])
        text = open_page(page)
        self.check("while the replica lags the page is as it was", world.NAME in text and world.RENAMED not in text)
        answer = self.dispute(open_page, usage)
        stored = self.ask(f"SELECT count(*) FROM call_dispute_line WHERE usage_id = {usage}")
        self.check("what the client sends meanwhile is stored once", stored == 1)
        self.check("and the client sees it at once", world.COMMENT in answer)
        self.replica.run("SELECT 1 FROM pg_wal_replay_resume()")
        self.replica.catch_up()
        self.check("when it has caught up the page is as it is", world.RENAMED in open_page(page))
        self.replica.stop()
        failed = 0  # Odoo gives each connection that it kept to one request, before it opens others
        while not (text := self.answer(open_page, page)) and failed < CONNECTIONS:
            failed += 1
        self.check("when it is gone the page comes from the primary", world.RENAMED in text)
        self.note("requests that failed before, as their connection to the replica broke", failed, None)

    def ask_replica_reads(self):
        time.sleep(1.5)  # statistics are told once a second
        return self.replica.run(
            f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{DATABASE}'", DATABASE
        )

    def log_in(self):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        address = f"http://127.0.0.1:{self.nodes[-1].port}"

        def open_page(path, data=None):
            body = urllib.parse.urlencode(data).encode() if data else None
            with opener.open(address + path, body, timeout=120) as answer:
                return answer.read().decode()

        token = self.token(open_page("/web/login"))
        open_page("/web/login", {"login": world.LOGIN, "password": world.LOGIN, "csrf_token": token})
        return open_page

    def token(self, text):
        return re.search(r'csrf_token["\']?[^"\']*["\']([0-9a-f]{40}o\d+)', text)[1]

    def answer(self, open_page, page):
        try:
            return open_page(page)
        except OSError:
            return ""

    def dispute(self, open_page, usage):
        """The client raises a dispute of a call, by the form; what it reads then."""
        form = open_page(f"/my/disputes/new?call={usage}")
        reason = re.search(r'<option[^>]*value="(\d+)"', form)[1]
        values = {"step": "send", "call": usage, "reason": reason, "comment": world.COMMENT, "csrf_token": self.token(form)}
        return open_page("/my/disputes/new", values)

    def end(self):
        for node in self.nodes:
            node.end()
        self.replica.stop()


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def main():
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="cluster-", dir=options.cache))
    directory.chmod(0o755)
    odoo.tools.config.parse_config(["-c", options.config, "--log-level=warn"], setup_logging=True)
    dump = directory / "dump"
    subprocess.run(["pg_dump", "-Fc", "-Z0", "-f", dump, options.database], check=True)
    cluster = Cluster(directory)
    proof = Proof(cluster, options)
    try:
        cluster.create()
        proof.prepare(dump)
        dump.unlink()
        print(f"\n{options.contracts} contracts, {options.contracts * options.calls:,} calls in {world.FILES} files\n")
        proof.single()
        proof.replica.create()
        config = directory / "odoo.conf"
        lines = {
            "addons_path": ",".join(odoo.tools.config["addons_path"]), "data_dir": cluster.files, "db_host": directory, "db_port": 5432,
            "db_user": "odoo", "db_replica_host": proof.replica.directory, "db_replica_port": 5432, "http_interface": "127.0.0.1",
            "list_db": False, "workers": 0, "limit_time_real": 3600, "limit_time_cpu": 3600,
        }  # fmt: skip
        config.write_text("[options]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))
        proof.both(config)
        proof.compare()
        proof.portal()
    finally:
        proof.end()
        cluster.destroy()
    print("\nFailed: " + "; ".join(proof.failures) if proof.failures else "\nNothing lost, nothing twice, nothing different.")
    return bool(proof.failures)


if __name__ == "__main__":
    sys.exit(main())
