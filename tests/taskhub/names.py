"""Names of the tasks that conftest declares."""

ADD = "taskhub_tests.add"
TRY = "taskhub_tests.try"
REFUSE = "taskhub_tests.refuse"
BREAK = "taskhub_tests.break_down"
SLOW = "taskhub_tests.slow"
OBEY = "taskhub_tests.obey"
ALL = (ADD, TRY, REFUSE, BREAK, SLOW, OBEY)
