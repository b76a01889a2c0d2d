"""The proof that all calls and all money are accounted for, as text.

    odoo shell -d DATABASE --no-http < tools/proof.py             of the months that may have changed since the last night
    CALL_PROOF=every odoo shell -d DATABASE < tools/proof.py      of every month

Ends with 1 where something is wrong.
"""

import os
import sys

months = env["call.proof.month"]  # noqa: F821  (Odoo's shell gives it)
text, is_proved = months._report(env["res.company"].search([]), every=os.environ.get("CALL_PROOF") == "every")  # noqa: F821
env.cr.commit()  # noqa: F821
print(text)
sys.stdout.flush()
sys.exit(0 if is_proved else 1)
