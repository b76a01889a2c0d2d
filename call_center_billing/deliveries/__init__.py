"""Ways in which call records come, as far as they are not Odoo's: archives, watched folders, tables of other databases.

Nothing here imports Odoo, and nothing here trusts what comes from outside.
"""

from . import archive, folder, table
