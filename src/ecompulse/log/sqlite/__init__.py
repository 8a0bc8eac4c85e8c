"""The embedded log: SQLite files, one row a group of requests, rolled by size.

<folder>/<partition>/<first offset, 20 digits>.sqlite     the entries from that offset on
<folder>/<partition>/end                                  where it ended when it was last appended to, not flushed
<folder>/<partition>/lock                                 held by the one process that appends to the partition
<folder>/readers/<name>.json                              what each reader has durably, for retention
"""

from ecompulse.log.sqlite.append import SqliteAppender
from ecompulse.log.sqlite.counts import ReceivedCounts
from ecompulse.log.sqlite.read import SqliteReader
from ecompulse.log.sqlite.retain import retain

__all__ = ["ReceivedCounts", "SqliteAppender", "SqliteReader", "retain"]
