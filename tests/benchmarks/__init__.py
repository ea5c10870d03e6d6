"""Speed, memory and retrieval quality, measured on this machine: `make bench`."""
