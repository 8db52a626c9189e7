-- Senders: how busy each is, which all hosts share; and whether the account is refused as a whole.
CREATE TABLE senders (
    -- A number, a short code, a name, or the identifier of a Messaging Service.
    name TEXT PRIMARY KEY CHECK (name <> ''),
    -- When everything it was given will have gone out at its rate; in microseconds, as a segment of a fast
    -- sender takes few milliseconds.
    busy_until BIGINT NOT NULL,
    -- Thousandths of its rate that were left when the provider last asked for patience, and when that was.
    speed BIGINT NOT NULL CHECK (speed BETWEEN 1 AND 1000),
    slowed_at BIGINT
);

-- While there is a row, nothing is sent but one text at a time, to see whether the account is let through.
CREATE TABLE account_stops (
    -- The account that texts of test keys go through, or the live one.
    test BOOLEAN PRIMARY KEY,
    stopped_at BIGINT NOT NULL,
    -- What the provider said.
    error_code BIGINT,
    error_text TEXT NOT NULL,
    -- When the next text is tried.
    probe_at BIGINT NOT NULL
);
