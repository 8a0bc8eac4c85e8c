"""The analytics API and the pages: declared routes over questions, the live stream, SQL, dead letters and health."""
