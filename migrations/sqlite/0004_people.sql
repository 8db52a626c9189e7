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
ALTER TABLE consents ADD COLUMN details_sealed BLOB;
-- The provider has read it too, and keeps a block of its own: what lifts that block (Twilio: YES) undoes this line.
ALTER TABLE consents ADD COLUMN held_by_provider INTEGER NOT NULL DEFAULT 0 CHECK (held_by_provider IN (0, 1));

CREATE INDEX consents_of_recipient ON consents (recipient_id, at) WHERE recipient_id IS NOT NULL;
CREATE INDEX consents_by_age ON consents (at, id);

-- Append-only is the database's word. When a person is erased, what is sealed in a line may be taken out, and with it
-- the other side of the line: the person from what a phone has said, the phone from what is written of a person.
CREATE TRIGGER consents_stay BEFORE DELETE ON consents
BEGIN
    SELECT RAISE(ABORT, 'lines of the consent ledger are never removed');
END;

CREATE TRIGGER consents_stay_as_they_are BEFORE UPDATE ON consents
WHEN NEW.details_sealed IS NOT NULL
    OR (NEW.id, NEW.choice, NEW.source, NEW.at, NEW.binds, NEW.scope, NEW.scope_name, NEW.held_by_provider)
        IS NOT (OLD.id, OLD.choice, OLD.source, OLD.at, OLD.binds, OLD.scope, OLD.scope_name,
            OLD.held_by_provider)
    OR (NEW.phone_hash IS NOT OLD.phone_hash AND NOT (NEW.phone_hash IS NULL AND OLD.binds = 'recipient'))
    OR (NEW.recipient_id IS NOT OLD.recipient_id AND NOT (NEW.recipient_id IS NULL AND OLD.binds = 'phone'))
BEGIN
    SELECT RAISE(ABORT, 'lines of the consent ledger are never changed');
END;

-- Pictures and the like that came with the text; they are not fetched.
ALTER TABLE replies ADD COLUMN media INTEGER NOT NULL DEFAULT 0 CHECK (media >= 0);
-- The message that was planned to answer it; counted against loops.
ALTER TABLE replies ADD COLUMN answer_id BLOB;
ALTER TABLE replies ADD COLUMN test INTEGER NOT NULL DEFAULT 0 CHECK (test IN (0, 1));

CREATE INDEX replies_of_phone ON replies (phone_hash, received_at);
CREATE INDEX replies_by_age ON replies (received_at, id);

-- What patients ask the clinic's system for, by their replies: append-only.
CREATE TABLE requests (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    reply_id BLOB NOT NULL UNIQUE REFERENCES replies (id),
    -- The text that it answers; it may be gone by now.
    message_id BLOB NOT NULL,
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    -- confirm, cancel, reschedule, or a name of the policy's own.
    name TEXT NOT NULL CHECK (name <> ''),
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject_version INTEGER NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX requests_of_subject ON requests (subject_type, subject_id, recipient_id, at);

-- Questions back to a phone: which of several visits was meant.
CREATE TABLE questions (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    phone_hash BLOB NOT NULL,
    -- What was said first, and is taken up again with the answer.
    reply_id BLOB NOT NULL REFERENCES replies (id),
    -- JSON: the messages to choose from, in the order of their numbers.
    options TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    -- Set when a number, or anything else, came back.
    closed_at INTEGER,
    -- It was a number.
    by_number INTEGER NOT NULL DEFAULT 0 CHECK (by_number IN (0, 1))
) STRICT;

CREATE INDEX questions_open ON questions (phone_hash) WHERE closed_at IS NULL;
CREATE INDEX questions_by_number ON questions (phone_hash, closed_at) WHERE by_number;
