"""Kills workers, connections, the database server and disks at every commit, at statements and at moments chosen by chance; lets a
worker that comes after do the rest; and compares what is there with a month that nothing disturbed.

``./run faults [ROUNDS]`` calls it. It prints each fault, so ``--only "STEP:KIND:WHEN:N"`` repeats one, then a table, and fails if anything
was lost, doubled, or different."""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

parser = argparse.ArgumentParser(prog="./run faults", description=__doc__)
parser.add_argument(
    "rounds", nargs="?", type=int, default=2, help="of each fault in each step at a statement or moment by chance"
)
parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="printed, so that a run can be repeated")
parser.add_argument("--steps", help="only these, separated by commas")
parser.add_argument("--kinds", help="only these faults, separated by commas")
parser.add_argument("--commits", type=int, default=10**6, help="of each step at most so many commits, chosen by chance")
parser.add_argument("--only", action="append", help="STEP:KIND:WHEN:N, one fault that was printed")
parser.add_argument("--config", required=True, help="configuration of Odoo")
parser.add_argument("--database", required=True, help="where the add-on is installed; it is copied")
parser.add_argument("--cache", required=True, help="directory")


def main():
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit("Stopped"))  # with all that is cleaned up at the end
    import odoo.sql_db
    import odoo.tools

    directory = Path(tempfile.mkdtemp(prefix="faults-", dir=options.cache))
    directory.chmod(0o755)
    odoo.tools.config.parse_config(["-c", options.config, "--log-level=warn"], setup_logging=True)

    from cluster import Cluster

    cluster, dump = Cluster(directory), directory / "dump"
    try:
        _name, info = odoo.sql_db.connection_info_for(options.database)
        server = {f"PG{name.upper()}": str(info[name]) for name in ("host", "port", "user", "password") if info.get(name)}
        subprocess.run(["pg_dump", "-Fc", "-Z0", "-f", dump, options.database], check=True, env=os.environ | server)
        cluster.create()
        run = Run(cluster, options)
        try:
            run.prepare(dump)
            run.rounds()
            run.print_table()
        finally:
            run.mail_server.kill()
    finally:
        cluster.destroy()
    return bool(run.failures)


class Run:
    def __init__(self, cluster, options):
        import inject
        import month
        import worker

        self.cluster, self.options, self.inject, self.month = cluster, options, inject, month
        self.database = worker.DATABASE
        self.random = random.Random(options.seed)
        self.log = Path(options.cache) / "log" / "faults.log"
        self.log.parent.mkdir(exist_ok=True)
        self.log.write_text("")
        self.mailbox = cluster.directory / "mailbox"
        command = [sys.executable, Path(__file__).with_name("mailbox.py"), self.mailbox]
        self.mail_server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.workers = worker.Workers(cluster, self.log, int(self.mail_server.stdout.readline()))
        self.load = worker.load
        self.usual, self.expected = {}, {}
        self.begin = time.monotonic()
        self.injected, self.survived, self.failures = Counter(), Counter(), []
        names = options.steps.split(",") if options.steps else list(month.STEPS)
        if options.only:
            names = [text.partition(":")[0] for text in options.only]
        self.chosen = [name for name in month.STEPS if name in names]
        self.kinds = options.kinds.split(",") if options.kinds else list(inject.KINDS)
        if not cluster.disks:
            print("The disks are not filled: as root, small ones could be mounted.")
            self.kinds = [kind for kind in self.kinds if not kind.endswith(" full")]

    # --- The undisturbed month ------------------------------------------------------------------------------------------

    def prepare(self, dump):
        """Copy the database, go through the month once, and keep how it was before each step."""
        begin = time.monotonic()
        from odoo.tools import config

        store = Path(config.filestore(self.options.database))
        for name, value in (("db_host", str(self.cluster.directory)), ("db_port", 5432), ("db_user", "odoo"), ("db_password", False),
                            ("data_dir", str(self.cluster.files)), ("db_name", [self.database]),
                            ("email_from", "billing@example.com")):  # fmt: skip
            config[name] = value
        self.cluster.restore(dump, store, self.database)
        with self.cluster.connection() as cr:
            cr.execute("CREATE DATABASE phone")
        with self.cluster.connection("phone") as cr:
            self.month.phone_table(cr)
        self.load()
        here = self.workers.mail_port, str(self.cluster.directory)
        self._do(lambda work: work.ask("build", lambda env: self.month.build(env, *here)), "The month cannot be prepared")
        last = max(list(self.month.STEPS).index(name) for name in self.chosen)
        for name in list(self.month.STEPS)[: last + 1]:
            if name in self.chosen:
                self._keep(name)
            self.usual[name] = self._do(self.month.STEPS[name], f"'{name}' fails without any fault")
            self.expected[name] = self._facts()
            broken = self.expected[name]["broken"] + self.expected[name]["lost files"]
            if broken:
                raise SystemExit(f"'{name}' breaks without any fault: {broken}")
        print(f"A month without faults took {time.monotonic() - begin:.0f} s with its preparation; seed {self.options.seed}")
        for name in self.chosen:
            counts = self.usual[name]
            print(
                f"  {name:<22}{counts['statement']:6} statements {counts['commit']:4} commits, {len(counts['writing'])} of them"
                f" of changes {counts['seconds']:6.1f} s",
                flush=True,
            )

    def _do(self, step, problem):
        done, counts = self.workers.run(step)
        if not done:
            raise SystemExit(f"{problem}: see {self.log}")
        return counts

    def _keep(self, name):
        self.cluster.copy(self.database, f"before {name}")
        for path in (self.workers.book, self.mailbox):
            kept = path.with_name(f"{path.name} before {name}")
            kept.write_text(path.read_text() if path.exists() else "")

    def _go_back(self, name):
        self.cluster.copy(f"before {name}", self.database)
        for path in (self.workers.book, self.mailbox):
            path.write_text(path.with_name(f"{path.name} before {name}").read_text())

    def _facts(self):
        import facts

        return facts.gather(self.cluster, self.database, self.mailbox)

    # --- Faults ---------------------------------------------------------------------------------------------------------

    def rounds(self):
        for name, fault in self._only() if self.options.only else self._faults():
            self._try(name, fault)

    def _only(self):
        for text in self.options.only:
            name, _colon, fault = text.partition(":")
            fault = self.inject.Fault.parse(fault)
            if fault.kind in self.kinds:
                yield name, fault

    def _faults(self):
        """Each kind at every commit of changes; and where it can be at statements or moments too, at some by chance."""
        Fault = self.inject.Fault
        for name in self.chosen:
            counts = self.usual[name]
            commits = sorted(self.random.sample(counts["writing"], min(self.options.commits, len(counts["writing"]))))
            for kind in self.kinds:
                for when in self.inject.KINDS[kind]:
                    if when.endswith("commit"):
                        yield from ((name, Fault(kind, when, at)) for at in commits)
                    else:
                        many = counts["statement"] if when == "statement" else 1000
                        yield from ((name, Fault(kind, when, self.random.randint(1, many))) for _r in range(self.options.rounds))

    def _try(self, name, fault):
        step, begin = self.month.STEPS[name], time.monotonic()
        with open(self.log, "a") as log:
            log.write(f"\n=== {name}:{fault}\n")
        self._go_back(name)
        problems = []
        try:
            moment = self.usual[name]["seconds"] * fault.at / 1000 if fault.when == "moment" else None
            done, counts = self.workers.run(step, fault, moment)
            struck = not done or counts["struck"]
            self.cluster.free()
            self.cluster.start()
            for _again in range(3):
                again, _counts = self.workers.run(step)
                if again:
                    break
            else:
                problems.append("cannot be repeated")
            import facts

            found = self._facts()
            problems += facts.differences(self.expected[name], found)
        except Exception as error:
            struck, problems = True, [f"{type(error).__name__}: {error}"]
            self.cluster.free()
            self.cluster.start()
        if struck:
            self.injected[name, fault.kind] += 1
            self.survived[name, fault.kind] += not problems
        if problems:
            self.failures.append(f"{name}:{fault}")
        what = "FAILED" if problems else "survived" if struck else "not reached"
        print(f"  {name}:{fault}  {what} in {time.monotonic() - begin:.1f} s", flush=True)
        for problem in problems[:12]:
            print(f"      {problem}", flush=True)

    def print_table(self):
        """Faults survived / injected, step by kind."""
        kinds = [kind for kind in self.inject.KINDS if any(kind == each for _name, each in self.injected)]
        titles = ["step", *kinds, "all"]
        table = [titles]
        for name in [*self.month.STEPS, "all"]:
            mine = {key: count for key, count in self.injected.items() if name in (key[0], "all")}
            if mine:
                cells = []
                for kind in [*kinds, "all"]:
                    keys = [key for key in mine if kind in (key[1], "all")]
                    injected = sum(mine[key] for key in keys)
                    cells.append(f"{sum(self.survived[key] for key in keys)}/{injected}" if injected else "")
                table.append([name, *cells])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        print("\nFaults survived / injected")
        for row in table:
            print(
                "  "
                + row[0].ljust(widths[0])
                + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            )
        print(
            f"{sum(self.injected.values())} faults injected, {sum(self.survived.values())} survived, in {(time.monotonic() - self.begin) / 60:.0f} minutes"
        )
        for failure in self.failures:
            print(f"FAILED  --only '{failure}'")


if __name__ == "__main__":
    sys.exit(main())
