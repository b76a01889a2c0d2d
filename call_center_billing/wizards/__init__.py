from . import call_mapping_import
from . import call_raw_record
from . import call_rate_deck_import
from . import call_suspense_fix
from . import call_suspense_write_off
from . import call_upload
from . import call_billing_run
from . import contract_manually_create_invoice
