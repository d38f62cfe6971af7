"""The plan of one account on one page: what it is made of, its words, and the page as Markdown, HTML and JSON. Pure."""
