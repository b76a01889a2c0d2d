from odoo import api, models
from odoo.tools import SQL

from odoo.addons.call_center_billing import indicators


class CallPerformance(models.AbstractModel):
    _inherit = "call.performance"

    @api.model
    def _more_indicators(self, statement, again, agents):
        """``call_counted`` has the counts of the contract's calls by hour, see ``call.count``."""
        yield from super()._more_indicators(statement, again, agents)
        ((left, offered),) = self.env.execute_query(
            SQL(
                """
                SELECT coalesce(sum(voicemail_count), 0)::bigint, coalesce(sum(offered_count), 0)::bigint
                  FROM call_counted WHERE direction = 'inbound' AND NOT late AND date >= %s
                """,
                statement.date_start,
            )
        )
        yield self._plain_indicator(
            self.env._("Left a message"),
            indicators.percent(left, offered),
            self.env._("%(left)s of %(offered)s offered calls went to voicemail", left=left, offered=offered),
        )
