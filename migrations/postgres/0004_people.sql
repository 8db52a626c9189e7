-- People: what each of them agreed to, what they answer, and what they ask for.

-- Whom a line is about. A phone: what was said from it holds for everybody who uses it. A recipient: what
-- a person or the clinic wrote down holds for that person, whatever their phone.
ALTER TABLE consents ADD COLUMN binds TEXT NOT NULL DEFAULT 'phone'
    CHECK ((binds = 'phone' AND phone_hash IS NOT NULL) OR (binds = 'recipient' AND recipient_id IS NOT NULL));
-- What it is about: every text, a group of message types, or one type.
ALTER TABLE consents ADD COLUMN scope TEXT NOT NULL DEFAULT 'all' CHECK (scope IN ('all', 'group', 'type'));
ALTER TABLE consents ADD COLUMN scope_name TEXT CHECK ((scope = 'all') = (scope_name IS NULL));
-- JSON: the phone, the wording, the evidence, who wrote it down. Sealed with the key of the recipient, or
-- with the ledger's own where the phone is nobody's.
ALTER TABLE consents ADD COLUMN details_sealed BYTEA;
-- The provider has read it too, and keeps a block of its own: what lifts that block (Twilio: YES) undoes this line.
ALTER TABLE consents ADD COLUMN held_by_provider BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX consents_of_recipient ON consents (recipient_id, at) WHERE recipient_id IS NOT NULL;
CREATE INDEX consents_by_age ON consents (at, id);

-- Append-only is the database's word. When a person is erased, what is sealed in a line may be taken out, and with it
-- the other side of the line: the person from what a phone has said, the phone from what is written of a person.
CREATE FUNCTION refuse_consent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lines of the consent ledger are never removed or changed';
END
$$;

CREATE TRIGGER consents_stay BEFORE DELETE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_consent_change();
CREATE TRIGGER consents_stay_whole BEFORE TRUNCATE ON consents FOR EACH STATEMENT
EXECUTE FUNCTION refuse_consent_change();

CREATE TRIGGER consents_stay_as_they_are BEFORE UPDATE ON consents FOR EACH ROW
WHEN (NEW.details_sealed IS NOT NULL
    OR (NEW.id, NEW.choice, NEW.source, NEW.at, NEW.binds, NEW.scope, NEW.scope_name, NEW.held_by_provider)
        IS DISTINCT FROM (OLD.id, OLD.choice, OLD.source, OLD.at, OLD.binds, OLD.scope, OLD.scope_name,
            OLD.held_by_provider)
    OR (NEW.phone_hash IS DISTINCT FROM OLD.phone_hash AND NOT (NEW.phone_hash IS NULL AND OLD.binds = 'recipient'))
    OR (NEW.recipient_id IS DISTINCT FROM OLD.recipient_id AND NOT (NEW.recipient_id IS NULL AND OLD.binds = 'phone')))
EXECUTE FUNCTION refuse_consent_change();

-- Pictures and the like that came with the text; they are not fetched.
ALTER TABLE replies ADD COLUMN media BIGINT NOT NULL DEFAULT 0 CHECK (media >= 0);
-- The message that was planned to answer it; counted against loops.
ALTER TABLE replies ADD COLUMN answer_id UUID;
ALTER TABLE replies ADD COLUMN test BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX replies_of_phone ON replies (phone_hash, received_at);
CREATE INDEX replies_by_age ON replies (received_at, id);

-- What patients ask the clinic's system for, by their replies: append-only.
CREATE TABLE requests (
    id UUID PRIMARY KEY,
    reply_id UUID NOT NULL UNIQUE REFERENCES replies (id),
    -- The text that it answers; it may be gone by now.
    message_id UUID NOT NULL,
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    -- confirm, cancel, reschedule, or a name of the policy's own.
    name TEXT NOT NULL CHECK (name <> ''),
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject_version BIGINT NOT NULL,
    test BOOLEAN NOT NULL,
    at BIGINT NOT NULL
);

CREATE INDEX requests_of_subject ON requests (subject_type, subject_id, recipient_id, at);

-- Questions back to a phone: which of several visits was meant.
CREATE TABLE questions (
    id UUID PRIMARY KEY,
    phone_hash BYTEA NOT NULL,
    -- What was said first, and is taken up again with the answer.
    reply_id UUID NOT NULL REFERENCES replies (id),
    -- JSON: the messages to choose from, in the order of their numbers.
    options TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    -- Set when a number, or anything else, came back.
    closed_at BIGINT,
    -- It was a number.
    by_number BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX questions_open ON questions (phone_hash) WHERE closed_at IS NULL;
CREATE INDEX questions_by_number ON questions (phone_hash, closed_at) WHERE by_number;
