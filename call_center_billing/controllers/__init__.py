from . import agreement
from . import feedback
from . import performance
from . import portal
from . import portal_calls
from . import portal_dashboard
from . import portal_dispute
from . import push
