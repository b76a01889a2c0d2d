from . import test_reminders
from . import test_reminding_by_hand
from . import test_three_months
