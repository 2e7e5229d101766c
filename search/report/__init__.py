"""What a study looks like: figures, one page, a dashboard, and tables.

Imports the verdict, core, settings, the names and styles of penalties and metrics; the ledger for the dashboard alone.
"""
