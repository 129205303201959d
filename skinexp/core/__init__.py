"""Tools without a domain: errors, digests, random streams, atomic files, the terminal, child processes, numbers."""
