"""Settings, command line, supervisor, health: how the rooms become a running system."""
