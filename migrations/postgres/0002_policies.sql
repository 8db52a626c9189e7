-- What policies in shadow mode would have said differently from the one at work, on live traffic: words
-- that are counted, no texts and no people. Rows are dropped after 90 days.
CREATE TABLE policy_differences (
    id UUID PRIMARY KEY,
    -- One of the two; no foreign keys, because a difference may outlive what it was about.
    message_id UUID,
    event_id UUID,
    question TEXT NOT NULL CHECK (question IN ('plan', 'decide', 'on-failure', 'on-reply')),
    -- answer: another answer. reason: the same for another reason. fault: none.
    difference TEXT NOT NULL CHECK (difference IN ('answer', 'reason', 'fault')),
    -- The policy at work, and what it said.
    policy TEXT NOT NULL,
    policy_hash TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    -- The shadow, and what it would have said; of a fault, its code.
    shadow TEXT NOT NULL,
    shadow_version TEXT NOT NULL,
    shadow_hash TEXT NOT NULL,
    shadow_settings_hash TEXT NOT NULL,
    shadow_outcome TEXT NOT NULL,
    shadow_reason_code TEXT NOT NULL,
    at BIGINT NOT NULL,
    CHECK ((message_id IS NULL) <> (event_id IS NULL))
);

CREATE INDEX policy_differences_by_age ON policy_differences (at, id);
