"""Plans, receipts and portfolios as text, tables and JSON-ready values. Pure: nothing here prints or reads."""
