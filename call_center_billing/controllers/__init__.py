from . import agreement
from . import portal
from . import push
