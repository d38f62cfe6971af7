"""The portfolio as tables that pictures, pages and files are made of. Pure: what was decided and remembered comes in."""
