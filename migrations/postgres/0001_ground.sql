-- The ground of the house. Moments are Unix milliseconds; identifiers are UUIDs of version 7;
-- columns named *_sealed are AES-256-GCM under the key of the recipient the row belongs to.

-- Who may call the API. A key is shown once and kept as its SHA-256.
CREATE TABLE api_keys (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL CHECK (name <> ''),
    -- The first characters, for lists: tdg_live_3fk9.
    prefix TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- A test key runs the whole path and never reaches the real provider.
    mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    -- Space separated: events:write messages:read.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);

-- People, as the clinic names them.
CREATE TABLE recipients (
    -- The clinic's own id.
    id TEXT PRIMARY KEY CHECK (id <> ''),
    role TEXT NOT NULL CHECK (role IN ('patient', 'doctor')),
    name_sealed BYTEA,
    phone_sealed BYTEA,
    -- Keyed hash: finds a phone without knowing it.
    phone_hash BYTEA,
    -- ISO 3166 alpha-2, of the number; kept after an erasure for counting.
    phone_country TEXT,
    -- BCP 47; the clinic's when NULL.
    language TEXT,
    -- IANA; the clinic's when NULL.
    time_zone TEXT,
    -- JSON: types switched off, preferred windows, discretion.
    preferences TEXT NOT NULL,
    -- The person's own key, wrapped by the master key named here. Erasing the person deletes it.
    key_id TEXT NOT NULL,
    wrapped_key BYTEA,
    -- Counts up with every change.
    version BIGINT NOT NULL CHECK (version > 0),
    -- Counts the texts that hosts have committed themselves to. A text is judged by what was sent at one count, and
    -- is committed to over no other.
    texts BIGINT NOT NULL DEFAULT 0 CHECK (texts >= 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((phone_sealed IS NULL) = (phone_hash IS NULL)),
    CHECK (wrapped_key IS NOT NULL OR (phone_sealed IS NULL AND name_sealed IS NULL))
);

CREATE INDEX recipients_phone ON recipients (phone_hash) WHERE phone_hash IS NOT NULL;

-- What events are about, and the newest version we know of each.
CREATE TABLE subjects (
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    -- The event that brought the version.
    event_id UUID NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (subject_type, subject_id, test)
);

-- Facts that other systems posted.
CREATE TABLE events (
    id UUID PRIMARY KEY,
    event_type TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject_version BIGINT NOT NULL,
    test BOOLEAN NOT NULL,
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- The first person it names; their key seals the row.
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    -- JSON: the people and the data.
    body_sealed BYTEA,
    -- accepted: planning is still to be done, and is taken up again after a crash.
    -- stale: a newer version was known already, nothing follows from it.
    state TEXT NOT NULL CHECK (state IN ('accepted', 'planned', 'stale')),
    planned_at BIGINT,
    -- JSON: what was passed over and why, and what went wrong; names no person.
    outcome TEXT,
    CHECK ((state = 'planned') = (planned_at IS NOT NULL)),
    -- The same version of the same subject is one event.
    UNIQUE (subject_type, subject_id, subject_version, test)
);

CREATE INDEX events_to_plan ON events (received_at) WHERE state = 'accepted';

-- One row per text, from the moment it is planned to its end. The row is the job: no other queue.
CREATE TABLE messages (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('otp', 'urgent', 'normal', 'bulk')),
    priority TEXT NOT NULL CHECK (priority IN ('high', 'medium', 'low')),
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    -- NULL, like the subject, when the message was posted directly.
    event_id UUID REFERENCES events (id),
    subject_type TEXT,
    subject_id TEXT,
    subject_version BIGINT,
    -- Names the message among those of its subject.
    key TEXT NOT NULL,
    -- The subject's own moment, such as the start of a visit.
    occurrence BIGINT,
    test BOOLEAN NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'claimed', 'sending', 'accepted', 'sent', 'delivered',
        'undelivered', 'failed', 'unknown', 'suppressed', 'held', 'canceled', 'expired')),
    planned_for BIGINT NOT NULL,
    -- When it goes out, or went.
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Who has it in hand, and until when.
    lease_host UUID,
    lease_until BIGINT,
    -- When a host looks by itself at a message: one that is unknown or held, or one that the provider
    -- has and is silent about.
    check_at BIGINT,
    -- The newest attempt.
    attempt_id UUID,
    -- Calls that count against one attempt and three retries.
    attempts BIGINT NOT NULL,
    deferrals BIGINT NOT NULL,
    -- Why it was planned, and why it is where it is.
    why_code TEXT NOT NULL,
    why_text TEXT NOT NULL,
    cause_code TEXT,
    cause_text TEXT,
    -- The language that its caller asked for.
    language TEXT,
    -- JSON: the variables and what the event said; NULL after retention or an erasure.
    payload_sealed BYTEA,
    -- The text as it was sent, secrets taken out.
    text_sealed BYTEA,
    -- Where it went.
    phone_sealed BYTEA,
    phone_hash BYTEA,
    locale_asked TEXT,
    locale_sent TEXT,
    fallback TEXT,
    encoding TEXT CHECK (encoding IN ('GSM-7', 'UCS-2')),
    segments BIGINT,
    -- Estimate, in millionths.
    cost_micros BIGINT,
    -- The subject has moved on since it was given to the provider: it is not sent again, and the same
    -- moment of the subject may be planned anew.
    superseded BOOLEAN NOT NULL,
    sid TEXT,
    error_code BIGINT,
    error_text TEXT,
    sent_at BIGINT,
    delivered_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Counts transitions; numbers the lines of the journal.
    changes BIGINT NOT NULL,
    CHECK ((state IN ('claimed', 'sending')) = (lease_host IS NOT NULL)),
    CHECK ((lease_host IS NULL) = (lease_until IS NULL)),
    CHECK (state <> 'unknown' OR check_at IS NOT NULL),
    CHECK (check_at IS NULL OR state IN ('unknown', 'held', 'accepted', 'sent')),
    CHECK (state NOT IN ('sending', 'unknown', 'accepted', 'sent', 'delivered') OR attempt_id IS NOT NULL),
    CHECK ((state IN ('undelivered', 'failed', 'suppressed', 'held', 'canceled', 'expired')) = (cause_code IS NOT NULL)),
    CHECK ((cause_code IS NULL) = (cause_text IS NULL)),
    CHECK (state <> 'delivered' OR delivered_at IS NOT NULL),
    CHECK (state <> 'sent' OR sent_at IS NOT NULL),
    CHECK ((subject_id IS NULL) = (subject_type IS NULL) AND (subject_id IS NULL) = (subject_version IS NULL)),
    CHECK ((phone_sealed IS NULL) OR (phone_hash IS NOT NULL)),
    CHECK (attempts >= 0 AND deferrals >= 0)
);

-- What hosts ask for all day: one lane at a time, live and test texts each for themselves, in order of due
-- time. Lane and mode are equalities and the time comes next, so that ten million future rows cost what ten
-- thousand do, and what cannot be sent costs nobody else anything.
CREATE INDEX messages_due ON messages (lane, test, due_at, id) WHERE state = 'planned';
-- What a dead host left behind.
CREATE INDEX messages_leased ON messages (lease_until) WHERE state IN ('claimed', 'sending');
-- What must be looked up, or asked again.
CREATE INDEX messages_check ON messages (check_at) WHERE check_at IS NOT NULL;
-- Due at once by a clock that was in doubt: their moments are counted anew by one that is sure.
CREATE INDEX messages_posted_in_doubt ON messages (why_code, id)
    WHERE why_code = 'posted-in-doubt' AND planned_for = created_at AND attempt_id IS NULL
      AND state IN ('planned', 'held');
-- A partial index, here and for attempts: a key column that is written later would lock the row
-- against every foreign key that points to it.
CREATE UNIQUE INDEX messages_sid ON messages (sid) WHERE sid IS NOT NULL;
-- One message for each (type, subject, recipient, key, occurrence); one that was taken back, or that
-- the subject has left behind, may be planned again.
CREATE UNIQUE INDEX messages_once ON messages
    (subject_type, subject_id, recipient_id, kind, key, COALESCE(occurrence, 0), test)
    WHERE subject_id IS NOT NULL AND state <> 'canceled' AND NOT superseded;
CREATE INDEX messages_by_age ON messages (created_at, id);
CREATE INDEX messages_of_recipient ON messages (recipient_id, created_at, id);
CREATE INDEX messages_of_phone ON messages (phone_hash, created_at, id) WHERE phone_hash IS NOT NULL;
CREATE INDEX messages_of_event ON messages (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX messages_of_kind ON messages (kind, created_at, id);
CREATE INDEX messages_in_state ON messages (state, created_at, id);

-- What policies answered, with their whole input, so that every decision can be replayed.
CREATE TABLE decisions (
    id UUID PRIMARY KEY,
    message_id UUID REFERENCES messages (id),
    event_id UUID REFERENCES events (id),
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    question TEXT NOT NULL CHECK (question IN ('plan', 'decide', 'on-failure', 'on-reply')),
    policy TEXT NOT NULL,
    version TEXT NOT NULL,
    -- SHA-256 of the .wasm and of the settings, in hex.
    hash TEXT NOT NULL,
    settings_hash TEXT NOT NULL,
    tz_database TEXT NOT NULL,
    -- JSON, byte for byte what was asked and answered.
    input_sealed BYTEA,
    answer_sealed BYTEA,
    -- The lines that the policy logged meanwhile, a JSON list; NULL when it logged none.
    log_sealed BYTEA,
    -- send, defer, suppress, retry, give_up, plan ... or the code of a fault.
    outcome TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    reason_text TEXT NOT NULL,
    fuel BIGINT NOT NULL,
    at BIGINT NOT NULL,
    CHECK (message_id IS NOT NULL OR event_id IS NOT NULL)
);

CREATE INDEX decisions_of_message ON decisions (message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX decisions_of_event ON decisions (event_id) WHERE event_id IS NOT NULL;

-- Calls to the provider. The row is committed before the call is made.
CREATE TABLE attempts (
    id UUID PRIMARY KEY,
    message_id UUID NOT NULL REFERENCES messages (id),
    number BIGINT NOT NULL CHECK (number > 0),
    host UUID NOT NULL,
    sender TEXT NOT NULL,
    -- Keyed hash of the text as it was sent, to find it at the provider.
    body_hash BYTEA NOT NULL,
    intent_at BIGINT NOT NULL,
    -- NULL while the answer is out.
    outcome TEXT CHECK (outcome IN ('accepted', 'refused', 'not_now', 'not_reached', 'unknown', 'absent')),
    settled_at BIGINT,
    sid TEXT,
    http_status BIGINT,
    error_code BIGINT,
    error_text TEXT,
    error_class TEXT,
    -- When the provider was last searched for it in vain; absence is decided twice.
    absent_at BIGINT,
    UNIQUE (message_id, number),
    CHECK ((outcome IS NULL) = (settled_at IS NULL)),
    CHECK (outcome <> 'accepted' OR sid IS NOT NULL)
);

CREATE UNIQUE INDEX attempts_sid ON attempts (sid) WHERE sid IS NOT NULL;

-- What the provider told us: append-only. The state of an attempt follows from the set of them.
CREATE TABLE provider_events (
    id UUID PRIMARY KEY,
    attempt_id UUID NOT NULL REFERENCES attempts (id),
    message_id UUID NOT NULL REFERENCES messages (id),
    status TEXT NOT NULL CHECK (status IN ('accepted', 'scheduled', 'queued', 'sending', 'sent', 'delivered',
        'undelivered', 'failed', 'canceled', 'read')),
    error_code BIGINT,
    -- The provider's own date of the carrier's receipt, as it came.
    raw_date TEXT,
    source TEXT NOT NULL CHECK (source IN ('answer', 'callback', 'fetch', 'list')),
    received_at BIGINT NOT NULL
);

-- A callback that is delivered again is the same event.
CREATE UNIQUE INDEX provider_events_once ON provider_events
    (attempt_id, status, COALESCE(error_code, 0), COALESCE(raw_date, ''));
CREATE INDEX provider_events_of_message ON provider_events (message_id, received_at);

-- Every transition of every message: append-only, for people.
CREATE TABLE journal (
    message_id UUID NOT NULL REFERENCES messages (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    host UUID,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (message_id, number)
);

-- Who agreed to what, and who said stop: append-only; the newest line about the same thing is what holds.
CREATE TABLE consents (
    id UUID PRIMARY KEY,
    -- NULL for a person without a phone.
    phone_hash BYTEA,
    recipient_id TEXT REFERENCES recipients (id),
    choice TEXT NOT NULL CHECK (choice IN ('opt_in', 'opt_out')),
    source TEXT NOT NULL CHECK (source IN ('reply', 'provider', 'staff', 'form', 'import')),
    at BIGINT NOT NULL,
    CHECK (phone_hash IS NOT NULL OR recipient_id IS NOT NULL)
);

CREATE INDEX consents_of_phone ON consents (phone_hash, at, id);

-- Inbound texts. A redelivered one is the same reply.
CREATE TABLE replies (
    id UUID PRIMARY KEY,
    sid TEXT NOT NULL UNIQUE,
    phone_hash BYTEA NOT NULL,
    -- NULL when the phone is nobody's.
    recipient_id TEXT REFERENCES recipients (id),
    -- With the key of the recipient, or with the ledger's own where the phone is nobody's.
    text_sealed BYTEA,
    -- The number, where the phone is nobody's: with the ledger's own key.
    phone_sealed BYTEA,
    -- The message it seems to answer.
    message_id UUID REFERENCES messages (id),
    -- stop, start, help, or what the policy made of it.
    meaning TEXT NOT NULL,
    -- Stable, for staff.
    reason_code TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    CHECK (recipient_id IS NULL OR phone_sealed IS NULL)
);

CREATE INDEX replies_of_recipient ON replies (recipient_id, received_at) WHERE recipient_id IS NOT NULL;

-- A request that is repeated under its key gets the same answer.
CREATE TABLE idempotency_keys (
    api_key_id UUID NOT NULL REFERENCES api_keys (id),
    key TEXT NOT NULL,
    -- The route and the body it was used with; another body under the same key is refused.
    request_hash BYTEA NOT NULL,
    -- The event or message that came of it.
    resource_id UUID NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, key)
);

-- Running processes. One that has not been seen for a while is dead, and its work is taken over.
CREATE TABLE hosts (
    id UUID PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
