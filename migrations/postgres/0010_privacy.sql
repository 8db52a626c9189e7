-- Privacy: what is forgotten, what the provider is asked to forget, and who did what.

-- Texts whose words the provider is asked to take out.
CREATE TABLE redactions (
    sid TEXT PRIMARY KEY CHECK (sid <> ''),
    test BOOLEAN NOT NULL,
    -- When it is asked, or asked again; NULL once that is over.
    due_at BIGINT,
    tries BIGINT NOT NULL CHECK (tries >= 0),
    -- done: the words are gone. given_up: it was asked in vain; a person must look.
    outcome TEXT CHECK (outcome IN ('done', 'given_up')),
    settled_at BIGINT,
    CHECK ((due_at IS NULL) = (outcome IS NOT NULL)),
    CHECK ((outcome IS NULL) = (settled_at IS NULL))
);

CREATE INDEX redactions_due ON redactions (due_at) WHERE due_at IS NOT NULL;

-- The certificate of an erasure: who, when, how much; nothing of what it was.
CREATE TABLE erasures (
    id UUID PRIMARY KEY,
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    -- key:<id>, or the command line.
    asked_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- Queued texts that were taken back, texts that had been sent, texts to be redacted at the provider.
    canceled BIGINT NOT NULL CHECK (canceled >= 0),
    texts BIGINT NOT NULL CHECK (texts >= 0),
    redactions BIGINT NOT NULL CHECK (redactions >= 0)
);

CREATE INDEX erasures_of_recipient ON erasures (recipient_id);

-- Everybody who was ever erased, by a keyed hash of their id, in hexadecimal digits; also who was erased while another
-- backup stood here, and is not known by id. Nobody is taken in under such an id again.
CREATE TABLE erased_names (
    name TEXT PRIMARY KEY CHECK (length(name) = 64)
);

-- Who did what: append-only. Every line is signed with the one before it, under a key that is not in
-- the database: a line that is changed, moved or taken out is noticed.
CREATE TABLE audit (
    number BIGINT PRIMARY KEY CHECK (number > 0),
    at BIGINT NOT NULL,
    -- key:<id>, recipient:<id>, or cli:<system user>.
    actor TEXT NOT NULL,
    -- The method and route, or the command.
    action TEXT NOT NULL,
    -- The address, without its query; ids only.
    object TEXT NOT NULL,
    -- The status that was answered, or the exit status of a command.
    outcome BIGINT NOT NULL,
    signature BYTEA NOT NULL CHECK (length(signature) = 32)
);

-- What is over its time is found by its age.
CREATE INDEX events_by_age ON events (received_at);
CREATE INDEX replies_of_message ON replies (message_id) WHERE message_id IS NOT NULL;
-- What goes with what is over its time is found by that.
CREATE INDEX questions_of_reply ON questions (reply_id);
CREATE INDEX webhook_events_of_message ON webhook_events (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX webhook_events_of_reply ON webhook_events (reply_id) WHERE reply_id IS NOT NULL;

-- What retention looks for: by these it finds what is over, and passes by the year that is kept.
CREATE INDEX events_with_body ON events (received_at) WHERE body_sealed IS NOT NULL;
CREATE INDEX decisions_of_plans ON decisions (at) WHERE message_id IS NULL;
CREATE INDEX decisions_of_plans_with_input ON decisions (at) WHERE message_id IS NULL AND input_sealed IS NOT NULL;
CREATE INDEX redactions_settled ON redactions (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
