"""The digest: who entered and left and why, tasks due, accounts at risk, overrides about to end; its words and forms. Pure."""
