"""What the lists of a client's documents have in common."""

from odoo.http import request

from odoo.addons.portal.controllers.portal import pager as portal_pager


def counted(name, domain):
    """How many of a model's records the home page tells: 0 for who may read none.

    :param domain: gives the domain of what is the client's own
    """
    Model = request.env[name]
    return Model.search_count(domain()) if Model.has_access("read") else 0


def listed(controller, name, domain, url, page, order=None, **url_args):
    """One page of a list.

    :return: the records, and what every such page shows
    """
    Model, step = request.env[name], controller._items_per_page
    pager = portal_pager(url=url, url_args=url_args, total=Model.search_count(domain), page=page, step=step)
    records = Model.search(domain, order=order, limit=step, offset=pager["offset"])
    return records, {**controller._prepare_portal_layout_values(), "default_url": url, "pager": pager}
