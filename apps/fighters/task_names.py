"""Names of the hub tasks of the fighters app: wire names, never derived, never changed."""

IMPORT_LIST = "fighters.import_list"
CLOSE_LOST_IMPORTS = "fighters.close_lost_imports"
