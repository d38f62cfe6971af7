"""The shell around the pure core: refresh, plan, apply, undo, the schedule. All I/O of a run is started here."""
