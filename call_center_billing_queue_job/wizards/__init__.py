from . import call_rerate
