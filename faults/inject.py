"""Faults in a worker: it, its connection, the database server or a disk fails at the n-th statement or commit. Nothing of the add-on is
changed; Odoo's cursor and connection are wrapped in the process that is going to suffer."""

import os
import random
import signal
import socket
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

from odoo.sql_db import Cursor, PsycoConnection

ERRORS = {"conflict": "40001", "deadlock": "40P01", "lock time-out": "55P03"}
KINDS = {
    "worker killed": ("statement", "before commit", "after commit"),
    "worker killed any time": ("moment",),
    "backend killed": ("statement", "before commit", "after commit"),
    "server crash": ("statement", "before commit", "after commit"),
    "cut in mid-commit": ("commit",),
    "conflict": ("statement",),
    "deadlock": ("statement",),
    "lock time-out": ("statement",),
    "disk full": ("statement",),
    "files full": ("statement",),
}
"""What fails, and when it can."""


@dataclass(frozen=True)
class Fault:
    """The ``at``-th statement or commit; per mille of the usual time if it happens at a ``moment``."""

    kind: str
    when: str
    at: int

    def __str__(self):
        return f"{self.kind}:{self.when}:{self.at}"

    @classmethod
    def parse(cls, text):
        kind, when, at = text.split(":")
        return cls(kind, when, int(at))


class Injector:
    """Counts what a worker does and, if told so, lets it fail once."""

    def __init__(self, cluster, fault=None):
        self.cluster, self.fault = cluster, fault
        self.counts = {"statement": 0, "commit": 0}
        self.writing = []
        """Commits, by number, of transactions that changed something: no other can lose or double anything."""
        self.struck = False

    def install(self):
        execute, commit = Cursor.execute, PsycoConnection.commit

        def counted_execute(cr, *args, **kwargs):
            self._count("statement", cr._cnx)
            return execute(cr, *args, **kwargs)

        def counted_copy(cr, *args, **kwargs):
            self._count("statement", cr._cnx)
            return cr._obj.copy_expert(*args, **kwargs)

        def counted_commit(cnx):
            self._count("commit", cnx)
            if not self.fault and self._has_written(cnx):
                self.writing.append(self.counts["commit"])
            self._strike("before commit", self.counts["commit"], cnx)
            commit(cnx)
            self._strike("after commit", self.counts["commit"], cnx)

        Cursor.execute, Cursor.copy_expert, PsycoConnection.commit = counted_execute, counted_copy, counted_commit

    def _has_written(self, cnx):
        if cnx.info.transaction_status != TRANSACTION_STATUS_INTRANS:
            return False
        with psycopg2.extensions.connection.cursor(cnx) as cr:
            cr.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            return cr.fetchone()[0]

    def _count(self, what, cnx):
        self.counts[what] += 1
        self._strike(what, self.counts[what], cnx)

    def _strike(self, when, number, cnx):
        fault = self.fault
        if self.struck or not fault or (when, number) != (fault.when, fault.at):
            return
        self.struck = True
        if fault.kind == "worker killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault.kind == "backend killed":
            with self.cluster.connection() as cr:
                cr.execute("SELECT pg_terminate_backend(%s)", [cnx.info.backend_pid])
        elif fault.kind == "server crash":
            self.cluster.crash()
        elif fault.kind == "cut in mid-commit":  # the server gets the COMMIT, the worker never hears of it
            with socket.socket(fileno=os.dup(cnx.fileno())) as line:
                line.shutdown(socket.SHUT_RD)
        elif fault.kind == "disk full":
            self.cluster.fill(self.cluster.data.parent, random.Random(fault.at).randrange(0, 300_000))
        elif fault.kind == "files full":
            self.cluster.fill(self.cluster.files, random.Random(fault.at).randrange(0, 4096))
        else:
            raise_error = f"DO $$ BEGIN RAISE 'injected' USING ERRCODE = '{ERRORS[fault.kind]}'; END $$"
            psycopg2.extensions.connection.cursor(cnx).execute(raise_error)  # the server ends the transaction, as for a real one
