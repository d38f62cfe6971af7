"""Many orgs: jobs of the ordinary commands on Procrastinate and PostgreSQL. Needs the extra `fleet`; one org needs none of it."""
