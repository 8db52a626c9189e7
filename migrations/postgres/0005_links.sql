-- Short links: what a code in a text leads to.
CREATE TABLE links (
    -- Keyed hash of the code; who reads the database cannot call it.
    code_hash BYTEA PRIMARY KEY CHECK (length(code_hash) = 32),
    message_id UUID NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    -- The address, under the key of the person the text is for: an erased person's links lead nowhere.
    target_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When it was first opened, where the clinic wants to know (links.record_opens).
    opened_at BIGINT,
    CHECK (expires_at > created_at)
);

CREATE INDEX links_of_message ON links (message_id);
CREATE INDEX links_by_end ON links (expires_at);
