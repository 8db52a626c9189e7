-- What texts cost: counted where it happens, in the unit of work that commits to a call or learns of its
-- end, and kept when people and messages are long erased.

-- What the counts need of a call, from its message at that moment.
ALTER TABLE attempts ADD COLUMN kind TEXT;
ALTER TABLE attempts ADD COLUMN test INTEGER;
ALTER TABLE attempts ADD COLUMN country TEXT;
ALTER TABLE attempts ADD COLUMN locale TEXT;
ALTER TABLE attempts ADD COLUMN segments INTEGER;
-- Estimate, and what the provider says it cost, in millionths.
ALTER TABLE attempts ADD COLUMN cost_micros INTEGER;
ALTER TABLE attempts ADD COLUMN price_micros INTEGER;
-- As many as the provider says that it billed.
ALTER TABLE attempts ADD COLUMN billed_segments INTEGER CHECK (billed_segments >= 0);
-- When the provider is next asked for the price; NULL when it is known, or not asked for any more.
ALTER TABLE attempts ADD COLUMN price_due_at INTEGER;

CREATE INDEX attempts_without_price ON attempts (price_due_at) WHERE price_due_at IS NOT NULL;

CREATE TABLE usage (
    -- Quarters of an hour since 1970: days begin at another moment in every zone.
    quarter INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- ISO 3166 alpha-2, empty when not known.
    country TEXT NOT NULL,
    locale TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    -- Who counts: each connection for itself, so that none waits for another. One row may be below zero.
    shard INTEGER NOT NULL,
    -- Texts that the provider has, or may have: each call counts.
    texts INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    estimated_micros INTEGER NOT NULL,
    -- Texts of which the price is known, their price, and what was estimated for them: the rest is still an
    -- estimate.
    priced INTEGER NOT NULL,
    actual_micros INTEGER NOT NULL,
    priced_estimate_micros INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, kind, country, locale, test, shard)
) STRICT;

-- The sums of all that was ever counted, for those who ask at every text: what a trial account has spent.
CREATE TABLE usage_totals (
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    shard INTEGER NOT NULL,
    texts INTEGER NOT NULL,
    estimated_micros INTEGER NOT NULL,
    priced INTEGER NOT NULL,
    actual_micros INTEGER NOT NULL,
    priced_estimate_micros INTEGER NOT NULL,
    PRIMARY KEY (test, shard)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER usage_is_summed AFTER INSERT ON usage
BEGIN
    INSERT INTO usage_totals (test, shard, texts, estimated_micros, priced, actual_micros, priced_estimate_micros)
    VALUES (NEW.test, NEW.shard, NEW.texts, NEW.estimated_micros, NEW.priced, NEW.actual_micros, NEW.priced_estimate_micros)
    ON CONFLICT (test, shard) DO UPDATE SET texts = texts + excluded.texts,
        estimated_micros = estimated_micros + excluded.estimated_micros, priced = priced + excluded.priced,
        actual_micros = actual_micros + excluded.actual_micros,
        priced_estimate_micros = priced_estimate_micros + excluded.priced_estimate_micros;
END;

CREATE TRIGGER usage_is_summed_on AFTER UPDATE ON usage
BEGIN
    UPDATE usage_totals SET texts = texts + NEW.texts - OLD.texts,
        estimated_micros = estimated_micros + NEW.estimated_micros - OLD.estimated_micros,
        priced = priced + NEW.priced - OLD.priced, actual_micros = actual_micros + NEW.actual_micros - OLD.actual_micros,
        priced_estimate_micros = priced_estimate_micros + NEW.priced_estimate_micros - OLD.priced_estimate_micros
    WHERE test = NEW.test AND shard = NEW.shard;
END;

-- Fuses that are blown: the row is why the operator is told once.
CREATE TABLE blown_fuses (
    fuse TEXT NOT NULL,
    -- The end of the hour or day.
    until INTEGER NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    at INTEGER NOT NULL,
    PRIMARY KEY (fuse, until, test)
) STRICT;

-- A call counts from the moment a host commits to it; one that surely was not sent is taken back.
CREATE TRIGGER attempts_are_counted AFTER INSERT ON attempts
BEGIN
    UPDATE attempts SET (kind, test, country, locale, segments, cost_micros) =
        (SELECT messages.kind, messages.test, COALESCE(recipients.phone_country, ''), COALESCE(locale_sent, ''),
            COALESCE(segments, 0), COALESCE(cost_micros, 0)
         FROM messages JOIN recipients ON recipients.id = messages.recipient_id WHERE messages.id = NEW.message_id)
    WHERE id = NEW.id;
    INSERT INTO usage (quarter, kind, country, locale, test, shard, texts, segments, estimated_micros, priced, actual_micros)
    SELECT intent_at / 900000, kind, country, locale, test, 0, 1, segments, cost_micros, 0, 0
    FROM attempts WHERE id = NEW.id AND kind IS NOT NULL
    ON CONFLICT (quarter, kind, country, locale, test, shard) DO UPDATE SET texts = texts + 1,
        segments = segments + excluded.segments, estimated_micros = estimated_micros + excluded.estimated_micros;
END;

CREATE TRIGGER attempts_are_counted_back AFTER UPDATE OF outcome ON attempts
WHEN NEW.kind IS NOT NULL
    AND (OLD.outcome IS NULL OR OLD.outcome IN ('accepted', 'unknown')) <> (NEW.outcome IS NULL OR NEW.outcome IN ('accepted', 'unknown'))
BEGIN
    INSERT INTO usage (quarter, kind, country, locale, test, shard, texts, segments, estimated_micros, priced, actual_micros)
    SELECT NEW.intent_at / 900000, NEW.kind, NEW.country, NEW.locale, NEW.test, 0, sign, sign * NEW.segments,
        sign * NEW.cost_micros, 0, 0
    FROM (SELECT CASE WHEN NEW.outcome IS NULL OR NEW.outcome IN ('accepted', 'unknown') THEN 1 ELSE -1 END AS sign)
    WHERE TRUE
    ON CONFLICT (quarter, kind, country, locale, test, shard) DO UPDATE SET texts = texts + excluded.texts,
        segments = segments + excluded.segments, estimated_micros = estimated_micros + excluded.estimated_micros;
END;

-- The price is known some time after the end.
CREATE TRIGGER prices_are_asked_for AFTER UPDATE OF outcome ON attempts
WHEN NEW.outcome = 'accepted' AND OLD.outcome IS NOT 'accepted' AND NEW.price_micros IS NULL
BEGIN
    UPDATE attempts SET price_due_at = NEW.intent_at + 3600000 WHERE id = NEW.id;
END;

CREATE TRIGGER prices_are_counted AFTER UPDATE OF price_micros ON attempts
WHEN NEW.kind IS NOT NULL AND OLD.price_micros IS NULL AND NEW.price_micros IS NOT NULL
BEGIN
    INSERT INTO usage (quarter, kind, country, locale, test, shard, texts, segments, estimated_micros, priced,
        actual_micros, priced_estimate_micros)
    VALUES (NEW.intent_at / 900000, NEW.kind, NEW.country, NEW.locale, NEW.test, 0, 0, 0, 0, 1, NEW.price_micros,
        NEW.cost_micros)
    ON CONFLICT (quarter, kind, country, locale, test, shard) DO UPDATE SET priced = priced + 1,
        actual_micros = actual_micros + excluded.actual_micros,
        priced_estimate_micros = priced_estimate_micros + excluded.priced_estimate_micros;
END;
