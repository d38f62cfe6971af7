"""The console: the portfolio live in a browser, and the work: plans, runs, undo, doctor, and a lab for criteria.

It shows what the cache holds, and writes to the CRM only by the very functions that the command line calls, with the same guards,
lock and journal. Server-rendered; scripts add to pages that work without.
"""
