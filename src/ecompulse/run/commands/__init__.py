"""The commands, one module a subject; each imports the rooms it needs when it is run."""
