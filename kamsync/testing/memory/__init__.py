"""A whole CRM in memory, and the connection to it: for tests over many days, with people and accidents between the runs.

    crm = MemoryCrm(fields={"potential": "number"})
    account = crm.add_account("Acme", owner_id=crm.add_owner("Ana", "ana@example.com"), potential=80)
    crm.set_flag(account, "override", "A")                 # what people do
    crm.faults.add("kill_after", call="push_accounts")     # what the world does
    connection = MemoryConnection(crm, Context(memory_mapping({"potential": "number"}), ZoneInfo("UTC"), tiers))

It keeps the contract of `kamsync.contract` and passes its suite. Needs neither pytest nor a network.
"""

from kamsync.testing.memory.behaviour import HUBSPOT_LIKE, SALESFORCE_LIKE, Behaviour
from kamsync.testing.memory.connection import MemoryConnection, open_connection
from kamsync.testing.memory.connector import CONNECTOR, MemoryConnector, MemorySandbox, write_entry_point
from kamsync.testing.memory.crm import EVERYTHING, MemoryCrm
from kamsync.testing.memory.faults import AnswerLost, Fault, FaultKind, Faults, Killed
from kamsync.testing.memory.mapping import FLAG_FIELDS, TASK_KEY, mapping_text, memory_mapping
from kamsync.testing.memory.records import Backup, Record, Written

__all__ = [
    "CONNECTOR",
    "EVERYTHING",
    "FLAG_FIELDS",
    "HUBSPOT_LIKE",
    "SALESFORCE_LIKE",
    "TASK_KEY",
    "AnswerLost",
    "Backup",
    "Behaviour",
    "Fault",
    "FaultKind",
    "Faults",
    "Killed",
    "MemoryConnection",
    "MemoryConnector",
    "MemoryCrm",
    "MemorySandbox",
    "Record",
    "Written",
    "mapping_text",
    "memory_mapping",
    "open_connection",
    "write_entry_point",
]
