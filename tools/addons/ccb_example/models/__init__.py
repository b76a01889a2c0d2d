from . import call_charge
from . import call_performance
from . import call_rate_term
