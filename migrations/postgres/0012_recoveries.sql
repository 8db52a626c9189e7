-- Backups that were put back: what was sent between the backup and that moment is known to the provider alone.
CREATE TABLE recoveries (
    -- When the backup was put back.
    at BIGINT NOT NULL,
    -- Whether it is the account of test keys that was recovered, or the live one.
    test BOOLEAN NOT NULL,
    -- The moment of the backup, or one before it.
    since BIGINT NOT NULL,
    PRIMARY KEY (at, test),
    CHECK (since <= at)
);
