-- Short links: what a code in a text leads to.
CREATE TABLE links (
    -- Keyed hash of the code; who reads the database cannot call it.
    code_hash BLOB PRIMARY KEY CHECK (length(code_hash) = 32),
    message_id BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    -- The address, under the key of the person the text is for: an erased person's links lead nowhere.
    target_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- When it was first opened, where the clinic wants to know (links.record_opens).
    opened_at INTEGER,
    CHECK (expires_at > created_at)
) STRICT;

CREATE INDEX links_of_message ON links (message_id);
CREATE INDEX links_by_end ON links (expires_at);
