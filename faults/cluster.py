"""A PostgreSQL server, and a directory for Odoo's files, that may be killed and filled up: each on a small disk of its own where one can
be mounted (as root), and reached by a socket only."""

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg2

SIZE = 4096
"""MB of memory that each disk may use at most."""
SETTINGS = """
listen_addresses = ''
port = 5432                     # of the socket
fsync = off                     # the machine is not switched off: what was written survives the server
wal_keep_size = 0
max_wal_size = 128MB
checkpoint_timeout = 1min
log_min_messages = fatal
"""


class Cluster:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.data, self.files = self.directory / "disk" / "data", self.directory / "files"
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
        programs += [Path(path) for path in [shutil.which("initdb") or ""] if path]
        if not programs:
            raise SystemExit("The programs of a PostgreSQL server are needed to start one that may be killed.")
        self.programs, self.owner = programs[0].parent, None
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            names = {user.pw_name for user in pwd.getpwall()}
            self.owner = "postgres" if "postgres" in names else "nobody"
        self.disks = []

    def create(self):
        for disk in (self.data.parent, self.files):
            disk.mkdir(parents=True)
            if self.owner and not self._run("mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", disk, check=False):
                self.disks.append(disk)
        self.data.mkdir(mode=0o700)
        if self.owner:
            for path in (self.directory, self.data):
                shutil.chown(path, self.owner)
        self._postgres("initdb", "-D", self.data, "-U", "odoo", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(f"{SETTINGS}unix_socket_directories = '{self.directory}'\n")
        self.start()

    def start(self):
        """Start it, if it does not run."""
        if self._postgres("pg_ctl", "-D", self.data, "status", check=False):
            self._postgres("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.data / "server.log", "start")

    def crash(self):
        """As if it was killed: nothing is finished, and it recovers when it starts again."""
        self._postgres("pg_ctl", "-D", self.data, "-m", "immediate", "stop", check=False)

    def destroy(self):
        self.crash()
        for disk in self.disks:
            self._run("umount", disk, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def fill(self, disk, spare):
        """Leave only some bytes free on a disk that was mounted, until ``free``."""
        usage = shutil.disk_usage(disk)
        self._run("mount", "-o", f"remount,size={(usage.used + spare) // 4096 * 4}k", disk)

    def free(self):
        for disk in self.disks:
            self._run("mount", "-o", f"remount,size={SIZE}m", disk)

    @contextlib.contextmanager
    def connection(self, database="postgres"):
        connection = psycopg2.connect(host=str(self.directory), port=5432, user="odoo", dbname=database)
        connection.autocommit = True
        try:
            yield connection.cursor()
        finally:
            connection.close()

    def copy(self, source, target):
        """A database and its files as another one."""
        with self.connection() as cr:
            cr.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
            cr.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY file_copy')
        store = self.files / "filestore"
        shutil.rmtree(store / target, ignore_errors=True)
        if (store / source).exists():
            shutil.copytree(store / source, store / target)

    def restore(self, dump, store, database):
        with self.connection() as cr:
            cr.execute(f'CREATE DATABASE "{database}"')
        there = f"-h {self.directory} -p 5432 -U odoo -d {database}".split()
        self._run(self.programs / "pg_restore", *there, "-j", "2", "--no-owner", dump)
        if store.exists():
            shutil.copytree(store, self.files / "filestore" / database)

    def _postgres(self, program, *arguments, check=True):
        return self._run(self.programs / program, *arguments, check=check, user=self.owner)

    def _run(self, *command, check=True, user=None):
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        log = self.directory / "commands.log"  # no pipe: the server would keep it open
        with open(log, "wb") as output:
            done = subprocess.run(
                [str(each) for each in command], check=False, stdout=output, stderr=subprocess.STDOUT, cwd="/", **as_user
            )
        if check and done.returncode:
            raise RuntimeError(f"{command}: {log.read_text()}")
        return done.returncode
