"""Many readers at once on one process (`make load`), and a soak."""
