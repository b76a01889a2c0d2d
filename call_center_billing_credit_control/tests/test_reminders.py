from odoo.tests.common import tagged

from .reminder_case import ReminderCase


@tagged("post_install", "-at_install")
class TestReminders(ReminderCase):
    """The daily job, as tables: day, and what the client was mailed: (level, asked for)."""

    def test_levels_follow_one_another(self):
        self.invoice(100.10)
        self.assertReminded(
            [
                ("2026-11-05", []),
                ("2026-11-06", [(1, 100.10)]),
                ("2026-11-07", []),
                ("2026-11-15", []),
                ("2026-11-16", [(2, 100.10)]),
                ("2026-11-30", []),
                ("2026-12-01", [(3, 100.10)]),
                ("2027-01-15", []),
            ]
        )
