"""The door: HTTP in, every dialect to the one contract, checked, limited, written durably, then acknowledged."""
