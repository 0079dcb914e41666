"""Names of the hub tasks of the fighters app: wire names, never derived, never changed."""

IMPORT_LIST = "fighters.import_list"
