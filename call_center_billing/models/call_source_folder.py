import logging
import os
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError, ValidationError
from odoo.tools import config, plaintext2html

from ..deliveries import archive, folder

_logger = logging.getLogger(__name__)

ROOT_OPTION = "call_center_billing_folder_root"
UNCHANGED = timedelta(seconds=60)
FILES_A_LOOK = 500
AWAY = {"done": "done", "repeated": "done", "undone": "done", "failed": "failed"}


class CallSource(models.Model):
    """Deliveries by files that appear in a directory of the server, as SFTP makes it possible.

    A file is taken when it has not changed for a minute, from one look to the next, and moved when its import has
    ended. Every step may be repeated: an import knows its content, and a file is only moved if it is the one that
    was read.
    """

    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    folder = fields.Char(
        string="Watched Folder",
        copy=False,
        groups="base.group_system",
        help="Path of the directory that the phone system sends its files to, below the one that the server administrator "
        "set for this database. Files are imported once they are complete, and moved to 'done' or 'failed' in it.",
    )
    is_watched = fields.Boolean(compute="_compute_is_watched", compute_sudo=True)
    folder_message = fields.Text(string="Problem With the Folder", readonly=True, copy=False)
    folder_file_ids = fields.One2many("call.folder.file", "source_id", string="Files in the Folder")

    @api.depends("folder")
    def _compute_is_watched(self):
        for source in self:
            source.is_watched = bool(source.folder)

    @api.constrains("folder")
    def _check_folder(self):
        watched = self.sudo().with_context(active_test=False).search([("folder", "!=", False)])
        for source in self.sudo().filtered("folder"):
            parts = source._folder_parts()
            for other in watched - source:
                theirs = other._folder_parts()
                if parts[: len(theirs)] == theirs or theirs[: len(parts)] == parts:
                    raise ValidationError(
                        self.env._("The folder %s belongs to another call source, or holds its folder.", source.folder)
                    )

    def action_look_now(self):
        """Look at the folder without waiting for the next time."""
        self.ensure_one()
        self.check_access("write")
        source = self.sudo()
        try:
            taken, waiting = source._look()
        except LockError as error:
            raise UserError(self.env._("Calls of this source are being imported right now. Try again in a minute.")) from error
        message = source.folder_message or self.env._(
            "%(taken)s files are being imported in the background. %(waiting)s files are taken when they have not changed "
            "for a minute.",
            taken=taken,
            waiting=waiting,
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "danger" if source.folder_message else "info",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.model
    def _cron_look(self):
        """Look at every folder; a source that has no luck does not keep the others waiting."""
        Cron = self.env["ir.cron"]
        sources = self.search([("folder", "!=", False)])
        Cron._commit_progress(remaining=len(sources))
        for source in sources:
            try:
                source.with_company(source.company_id)._look()
            except LockError:
                continue  # its calls are being imported
            except Exception:
                self.env.cr.rollback()
                _logger.exception("The folder of call source %s is looked at again later", source.id)
            if not Cron._commit_progress(1):
                break

    def _look(self):
        """Put away what was imported, and import what is complete.

        :return: (number of files that are imported now, number of those that may not be complete yet)
        :raise LockError: somebody else is importing calls of this source
        """
        self.ensure_one()
        self.lock_for_update(allow_referencing=True)
        problems = []
        try:
            place = self._folder_place()
            found = {each.label: each for each in folder.files(place)}
        except (OSError, UserError) as error:
            self._report_folder([self._folder_error_text(error)])
            return 0, 0
        known = {file.name: file for file in self.folder_file_ids}
        gone = {name for name, file in known.items() if self._put_away(place, file, found.get(name), problems)}
        self.folder_file_ids.browse([known[name].id for name in gone]).unlink()
        ready = self._see({name: each for name, each in found.items() if name not in gone}, known)
        taken = 0
        for group in self.env["call.import"]._grouped(self, ready[:FILES_A_LOOK]):
            taken += self._take(place, group, found, problems)
        self._report_folder(problems)
        return taken, self.env["call.folder.file"].search_count([("source_id", "=", self.id), ("import_id", "=", False)])

    def _put_away(self, place, file, found, problems):
        """Move a file whose import has ended.

        :return: whether it is not here any more
        """
        target = AWAY.get(file.import_id.state)
        if found and found.stamp == file.stamp and target:
            try:
                folder.put_away(place, found, target)
            except OSError as error:
                problems.append(
                    self.env._("%(name)s was imported but cannot be moved: %(error)s", name=file.name, error=error.strerror)
                )
                return False
            return True
        return not found

    def _see(self, found, known):
        """Remember what is there.

        :return: the files that have not changed for long enough
        """
        now, new, ready = fields.Datetime.now(), [], []
        for name, each in found.items():
            file = known.get(name)
            values = {"stamp": each.stamp, "seen_at": now, "import_id": False}
            if not file:
                new.append({"source_id": self.id, "name": name, **values})
            elif file.stamp != each.stamp:
                file.write(values)
            elif not file.import_id and file.seen_at <= now - UNCHANGED:
                ready.append(file)
        self.env["call.folder.file"].create(new)
        return ready

    def _take(self, place, files, found, problems):
        """Make one import of files.

        :return: their number; 0 where one of them changed meanwhile or cannot be read
        """
        Import = self.env["call.import"]
        try:
            with self.env.cr.savepoint():
                record = Import._create_from_files(
                    self, [archive.File(file.name, self._reader(place, found[file.name])) for file in files], "folder"
                )
        except folder.FileChanged:
            return 0
        except (OSError, UserError) as error:
            problems.append(f"{files[0].name}: {self._folder_error_text(error)}")
            return 0
        for file in files:
            file.import_id = record
        record._enqueue()
        return len(files)

    @api.model
    def _reader(self, place, found):
        return lambda: folder.chunks(place, found)

    def _folder_place(self):
        root = config.get(ROOT_OPTION)
        if not root:
            raise UserError(
                self.env._("The server administrator has to set %s in the configuration file of Odoo first.", ROOT_OPTION)
            )
        return folder.Place(os.path.join(root, self.env.cr.dbname), self._folder_parts())

    def _folder_parts(self):
        try:
            return folder.parts_of(self.folder)
        except ValueError as error:
            raise ValidationError(
                self.env._("The folder is a path such as 'berlin/pbx1', without '..' and without a slash at its beginning.")
            ) from error

    def _folder_error_text(self, error):
        if isinstance(error, UserError):
            return error.args[0]
        return self.env._(
            "The folder or file cannot be read: %s. The server administrator has to make it, and to let Odoo read and write it.",
            error.strerror or type(error).__name__,
        )

    def _report_folder(self, problems):
        text = "\n".join(problems[:20])
        if text and not self.folder_message:
            self._alert(self.env._("Watched folder"), text)
        if text != (self.folder_message or ""):
            self.folder_message = text or False

    def _alert(self, summary, text):
        """Give who is responsible an activity, unless there is one of this kind."""
        if not self.activity_ids.filtered(lambda activity: activity.summary == summary):
            self.activity_schedule(
                "mail.mail_activity_data_warning",
                summary=summary,
                note=plaintext2html(text),
                user_id=(self.user_id or self.create_uid).id,
            )
