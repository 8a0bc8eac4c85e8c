"""The embedded log: SQLite files, one row a group of requests, rolled by size.

<folder>/<partition>/<first offset, 20 digits>.sqlite     the entries from that offset on
<folder>/<partition>/end                                  where it ended when it was last appended to, not flushed
<folder>/<partition>/lock                                 held by the one process that appends to the partition
<folder>/damaged/<partition>/                            files that were broken and set aside by a repair
<folder>/readers/<name>.json                              what each reader has durably, for retention
"""

from ecompulse.log.sqlite.append import SqliteAppender
from ecompulse.log.sqlite.counts import ReceivedCounts
from ecompulse.log.sqlite.read import SqliteReader
from ecompulse.log.sqlite.repair import repair
from ecompulse.log.sqlite.retain import retain

__all__ = ["ReceivedCounts", "SqliteAppender", "SqliteReader", "repair", "retain"]
