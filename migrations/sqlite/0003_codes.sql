-- One-time codes. A code itself is stored nowhere: it follows from the row, the phone and a key outside
-- the database, or is Twilio Verify's.
CREATE TABLE challenges (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    -- host: derived here. settings: a number for tests, with the code that the settings name. verify: made,
    -- sent and checked by Twilio Verify.
    maker TEXT NOT NULL CHECK (maker IN ('host', 'settings', 'verify')),
    -- Which of the keys outside the database the code is derived with.
    key_id TEXT NOT NULL,
    nonce BLOB NOT NULL CHECK (length(nonce) = 16),
    digits INTEGER NOT NULL CHECK (digits BETWEEN 4 AND 10),
    purpose TEXT NOT NULL CHECK (purpose <> ''),
    phone_hash BLOB NOT NULL,
    -- ISO 3166 alpha-2, of the number.
    country TEXT,
    -- Keyed hash of the address it was asked for from.
    from_hash BLOB,
    -- The person whose key seals its texts.
    recipient_id TEXT NOT NULL REFERENCES recipients (id),
    -- Whom the caller named.
    named TEXT,
    language TEXT,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    -- NULL: open until it expires or all tries are used.
    ended TEXT CHECK (ended IN ('approved', 'superseded', 'gone')),
    ended_at INTEGER,
    -- The verification at Twilio, once its code was sent.
    verification TEXT CHECK (verification IS NULL OR maker = 'verify'),
    -- Tries, each committed before its code is compared; a right one counts too.
    checks INTEGER NOT NULL CHECK (checks BETWEEN 0 AND max_checks),
    max_checks INTEGER NOT NULL CHECK (max_checks > 0),
    sends INTEGER NOT NULL CHECK (sends > 0),
    next_send_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > created_at),
    CHECK ((ended IS NULL) = (ended_at IS NULL))
) STRICT;

-- One open challenge for each phone and purpose: a new one ends the older in the same unit of work.
CREATE UNIQUE INDEX challenges_open ON challenges (phone_hash, purpose, test) WHERE ended IS NULL;
-- Twilio has one verification for a number at a time: a code that was sent for one challenge is none of
-- another's.
CREATE UNIQUE INDEX challenges_verification ON challenges (verification) WHERE verification IS NOT NULL;
CREATE INDEX challenges_at_verify ON challenges (phone_hash, created_at) WHERE maker = 'verify';
CREATE INDEX challenges_by_age ON challenges (created_at);

-- How often something happened in one window of time. The window before is kept for its share.
CREATE TABLE limits (
    -- otp.phone, otp.country ...; with the length of the window, for two rates of one name.
    name TEXT NOT NULL,
    -- Keyed hash of the phone, the address ...: the table names nobody.
    subject BLOB NOT NULL,
    window_start INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    -- Of no use after this moment.
    forget_at INTEGER NOT NULL,
    PRIMARY KEY (name, subject, window_start)
) STRICT;

CREATE INDEX limits_by_age ON limits (forget_at);

-- Codes asked for and codes typed, by the hour, of each country and each address.
CREATE TABLE otp_traffic (
    -- country, address
    scope TEXT NOT NULL CHECK (scope IN ('country', 'address')),
    -- Keyed hash.
    subject BLOB NOT NULL,
    -- Hours since 1970.
    hour INTEGER NOT NULL,
    sent INTEGER NOT NULL CHECK (sent >= 0),
    verified INTEGER NOT NULL CHECK (verified >= 0),
    PRIMARY KEY (scope, subject, hour)
) STRICT;

CREATE INDEX otp_traffic_by_age ON otp_traffic (hour);

-- Codes that were asked for and not given, with the reason; counted by the hour, so that an attack
-- does not fill the disk.
CREATE TABLE otp_refusals (
    hour INTEGER NOT NULL,
    -- otp.phone, otp.country, pump.country ...
    reason TEXT NOT NULL,
    -- refused, or only noted.
    noted INTEGER NOT NULL CHECK (noted IN (0, 1)),
    country TEXT NOT NULL,
    purpose TEXT NOT NULL,
    -- The API key's id; empty where none is needed.
    api_key TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (hour, reason, noted, country, purpose, api_key, test)
) STRICT;
