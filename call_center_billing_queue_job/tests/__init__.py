from . import test_handing_over
from . import test_failed_jobs
