"""Facts both ends of the file server share (protocol.md §1.7). `/files` itself is plain HTTP, not an action."""

FILES_PREFIX = "/files"
DIGEST_HEADER = "X-Trackside-Sha256"  #: request: what the body must hash to; reply: what it hashes to
