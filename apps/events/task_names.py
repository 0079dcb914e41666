"""Wire names of the hub tasks of this app."""

QUEUE_DUE_POLLS = "events.queue_due_polls"
POLL_SCOREBOARD = "events.poll_scoreboard"
IMPORT_FILES = "events.import_files"
TAKE_CARDS = "events.take_cards"
