"""The measurements of ecompulse: real processes, real HTTP on loopback, each figure beside its limit in the same run."""
