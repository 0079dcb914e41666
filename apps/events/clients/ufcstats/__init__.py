"""The five ufcstats tables as plain rows: read, cleaned, and nothing guessed.

``open_dataset(path)`` takes a folder, a zip or one of the files' folder inside a zip; files may be gzipped.  Rows
come one at a time, so memory does not grow with the files.  A row that can't be understood is no error: it is a
``Problem`` with file, line and reason, and the others go on.  A field that can't is left out in the same way, and the
rest of its row is used.  Only the columns that say who, where and who won must be there.

Quirks that are dealt with here: blanks around EVENT, METHOD and DETAILS; ``--`` and empty for unknown; inches,
pounds and three forms of dates; "vs" without its dot; the id in the last 16 digits of a URL; three judges run
together in DETAILS, the loser's total first; a zip that holds a folder.  Never trusted: the size that a zip claims for
its entries.
"""

from apps.events.clients.ufcstats.dataset import Dataset, open_dataset
from apps.events.clients.ufcstats.fields import judges_of, weight_class_of
from apps.events.clients.ufcstats.rows import SOURCE, EventRow, FighterRow, FightRow, JudgeRow, Met, Problem

__all__ = [
    "SOURCE",
    "Dataset",
    "EventRow",
    "FightRow",
    "FighterRow",
    "JudgeRow",
    "Met",
    "Problem",
    "judges_of",
    "open_dataset",
    "weight_class_of",
]
