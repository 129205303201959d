"""Tools without a domain: errors, digests, random streams, whole files, the terminal, child processes, numbers."""
