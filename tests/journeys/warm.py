"""What the first command of a process would look up, done before the processes of the tests are forked from this one."""

from __future__ import annotations

import gc

from kamsync.decide.kinds import sqlite
from kamsync.plugins import installed_connectors

installed_connectors()
sqlite()
gc.collect()
gc.freeze()  # a child that looks through what it shares with us has to copy it
