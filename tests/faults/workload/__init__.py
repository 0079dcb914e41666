"""An app for tests only: tasks whose effects can be counted, run by real workers in faults, figures and tests."""
