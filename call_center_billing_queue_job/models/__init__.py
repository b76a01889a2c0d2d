from . import call_job
from . import account_move
from . import call_billing_run
from . import call_import
from . import call_performance_report
