from . import agreement
from . import performance
from . import portal
from . import push
