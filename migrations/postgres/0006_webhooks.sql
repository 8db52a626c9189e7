-- What the clinic's own systems are told: signed calls to addresses that they gave. An event is written
-- in the unit of work that it tells of, so that neither is ever without the other; it is numbered and
-- given out afterwards, and called out until the other side takes it.

-- Where to call.
CREATE TABLE webhook_endpoints (
    id UUID PRIMARY KEY,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    -- Made with a test key: told of what test keys do, and of nothing else.
    test BOOLEAN NOT NULL,
    -- The secret follows from this and the home's own keys; it is kept nowhere.
    secret_nonce BYTEA NOT NULL CHECK (length(secret_nonce) = 16),
    -- The secret before, which signs too until then.
    previous_nonce BYTEA CHECK (length(previous_nonce) = 16),
    previous_until BIGINT,
    -- Since when no call has come through; NULL while they do.
    failing_since BIGINT,
    -- Calls in a row that have not come through, and until when this address is left in peace.
    failures BIGINT NOT NULL CHECK (failures >= 0),
    rest_until BIGINT,
    -- Switched off, and why: a person must look.
    off_at BIGINT,
    off_reason TEXT,
    created_at BIGINT NOT NULL,
    CHECK ((previous_nonce IS NULL) = (previous_until IS NULL)),
    CHECK ((off_at IS NULL) = (off_reason IS NULL)),
    CHECK ((failing_since IS NULL) = (failures = 0))
);

-- What an address wants to hear: `message.delivered`, `message.*` or `*`.
CREATE TABLE webhook_subscriptions (
    endpoint_id UUID NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    pattern TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, pattern)
);

-- What there is to tell, in the order in which it was written.
CREATE TABLE webhook_events (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- `message.delivered`, `reply.received`, `consent.changed`, `appointment.confirm-requested`.
    event_type TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- NULL: it concerns test and live alike.
    test BOOLEAN,
    -- What it is about, where a row tells the rest: one of these at the most.
    message_id UUID REFERENCES messages (id) ON DELETE CASCADE,
    reply_id UUID REFERENCES replies (id) ON DELETE CASCADE,
    consent_id UUID REFERENCES consents (id) ON DELETE CASCADE,
    -- Of a message: the line of the journal that it tells.
    line BIGINT,
    -- JSON: what no row tells. Names no person but by the clinic's own id.
    data TEXT,
    -- What it is about for a reader, its identifier, its number among the events of that, and the whole body
    -- but for a reply's words, which stay sealed where they are: filled in when it is given out.
    subject_type TEXT,
    subject_id TEXT,
    id UUID,
    sequence BIGINT,
    body TEXT,
    CHECK ((body IS NULL) = (sequence IS NULL) AND (id IS NULL) = (sequence IS NULL) AND (subject_type IS NULL) = (subject_id IS NULL)),
    CHECK ((message_id IS NULL) OR (reply_id IS NULL)),
    CHECK ((line IS NULL) OR (message_id IS NOT NULL))
);

CREATE INDEX webhook_events_new ON webhook_events (number) WHERE sequence IS NULL;
CREATE INDEX webhook_events_by_time ON webhook_events (at, number);

-- The newest number given to events about something.
CREATE TABLE webhook_sequences (
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    newest BIGINT NOT NULL CHECK (newest > 0),
    PRIMARY KEY (subject_type, subject_id)
);

-- One event on its way to one address.
CREATE TABLE webhook_deliveries (
    endpoint_id UUID NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    number BIGINT NOT NULL REFERENCES webhook_events (number) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'given_up', 'parked')),
    -- When it is called out next; while a call is out, when the host that makes it is taken for dead.
    due_at BIGINT,
    -- Calls made.
    tries BIGINT NOT NULL CHECK (tries >= 0),
    last_status BIGINT,
    last_error TEXT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, number),
    CHECK ((state = 'waiting') = (due_at IS NOT NULL))
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at, number) WHERE state = 'waiting';

-- Whoever writes a line of the journal cannot forget to tell of it. What one host has in its memory is
-- nobody's business; and while nobody listens, nothing is written.
CREATE FUNCTION tell_of_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM webhook_endpoints) THEN
        INSERT INTO webhook_events (event_type, at, test, message_id, line)
        SELECT 'message.' || lines.to_state, lines.at, messages.test, lines.message_id, lines.number
        FROM lines JOIN messages ON messages.id = lines.message_id
        WHERE lines.to_state NOT IN ('claimed', 'sending')
            AND EXISTS (SELECT 1 FROM webhook_endpoints WHERE webhook_endpoints.test = messages.test)
        ORDER BY lines.at, lines.message_id, lines.number;
    END IF;
    RETURN NULL;
END
$$;

-- Once for all lines of a statement: asked for each, it costs a busy host as much as the lines.
CREATE TRIGGER journal_is_told AFTER INSERT ON journal REFERENCING NEW TABLE AS lines
FOR EACH STATEMENT EXECUTE FUNCTION tell_of_journal();

-- So with the ledger of consents, which is one for test and live.
CREATE FUNCTION tell_of_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM webhook_endpoints) THEN
        INSERT INTO webhook_events (event_type, at, consent_id) VALUES ('consent.changed', NEW.at, NEW.id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER consents_are_told AFTER INSERT ON consents FOR EACH ROW
EXECUTE FUNCTION tell_of_consent();
