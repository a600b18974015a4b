"""Organizations as processes: identities, TLS channels, sessions, data sources, studies, the command line."""
