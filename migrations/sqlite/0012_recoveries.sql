-- Backups that were put back: what was sent between the backup and that moment is known to the provider alone.
CREATE TABLE recoveries (
    -- When the backup was put back.
    at INTEGER NOT NULL,
    -- Whether it is the account of test keys that was recovered, or the live one.
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    -- The moment of the backup, or one before it.
    since INTEGER NOT NULL,
    PRIMARY KEY (at, test),
    CHECK (since <= at)
) STRICT;
