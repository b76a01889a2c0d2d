from . import agreement
from . import feedback
from . import portal
from . import push
