-- What texts cost: counted where it happens, in the unit of work that commits to a call or learns of its
-- end, and kept when people and messages are long erased.

-- What the counts need of a call, from its message at that moment.
ALTER TABLE attempts ADD COLUMN kind TEXT;
ALTER TABLE attempts ADD COLUMN test BOOLEAN;
ALTER TABLE attempts ADD COLUMN country TEXT;
ALTER TABLE attempts ADD COLUMN locale TEXT;
ALTER TABLE attempts ADD COLUMN segments BIGINT;
-- Estimate, and what the provider says it cost, in millionths.
ALTER TABLE attempts ADD COLUMN cost_micros BIGINT;
ALTER TABLE attempts ADD COLUMN price_micros BIGINT;
-- As many as the provider says that it billed.
ALTER TABLE attempts ADD COLUMN billed_segments BIGINT CHECK (billed_segments >= 0);
-- When the provider is next asked for the price; NULL when it is known, or not asked for any more.
ALTER TABLE attempts ADD COLUMN price_due_at BIGINT;

CREATE INDEX attempts_without_price ON attempts (price_due_at) WHERE price_due_at IS NOT NULL;

CREATE TABLE usage (
    -- Quarters of an hour since 1970: days begin at another moment in every zone.
    quarter BIGINT NOT NULL,
    kind TEXT NOT NULL,
    -- ISO 3166 alpha-2, empty when not known.
    country TEXT NOT NULL,
    locale TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    -- Who counts: each connection for itself, so that none waits for another. One row may be below zero.
    shard BIGINT NOT NULL,
    -- Texts that the provider has, or may have: each call counts.
    texts BIGINT NOT NULL,
    segments BIGINT NOT NULL,
    estimated_micros BIGINT NOT NULL,
    -- Texts of which the price is known, their price, and what was estimated for them: the rest is still an
    -- estimate.
    priced BIGINT NOT NULL,
    actual_micros BIGINT NOT NULL,
    priced_estimate_micros BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, kind, country, locale, test, shard)
);

-- The sums of all that was ever counted, for those who ask at every text: what a trial account has spent. Rows
-- of connections that are gone are folded into shard 0.
CREATE TABLE usage_totals (
    test BOOLEAN NOT NULL,
    shard BIGINT NOT NULL,
    texts BIGINT NOT NULL,
    estimated_micros BIGINT NOT NULL,
    priced BIGINT NOT NULL,
    actual_micros BIGINT NOT NULL,
    priced_estimate_micros BIGINT NOT NULL,
    PRIMARY KEY (test, shard)
);

CREATE FUNCTION sum_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    more usage := NEW;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        more.texts := NEW.texts - OLD.texts;
        more.estimated_micros := NEW.estimated_micros - OLD.estimated_micros;
        more.priced := NEW.priced - OLD.priced;
        more.actual_micros := NEW.actual_micros - OLD.actual_micros;
        more.priced_estimate_micros := NEW.priced_estimate_micros - OLD.priced_estimate_micros;
    END IF;
    -- The row may have been folded since: it is begun anew.
    INSERT INTO usage_totals (test, shard, texts, estimated_micros, priced, actual_micros, priced_estimate_micros)
    VALUES (more.test, more.shard, more.texts, more.estimated_micros, more.priced, more.actual_micros,
        more.priced_estimate_micros)
    ON CONFLICT (test, shard) DO UPDATE SET texts = usage_totals.texts + excluded.texts,
        estimated_micros = usage_totals.estimated_micros + excluded.estimated_micros,
        priced = usage_totals.priced + excluded.priced,
        actual_micros = usage_totals.actual_micros + excluded.actual_micros,
        priced_estimate_micros = usage_totals.priced_estimate_micros + excluded.priced_estimate_micros;
    RETURN NULL;
END
$$;

CREATE TRIGGER usage_is_summed AFTER INSERT OR UPDATE ON usage FOR EACH ROW EXECUTE FUNCTION sum_usage();

-- Fuses that are blown: the row is why the operator is told once.
CREATE TABLE blown_fuses (
    fuse TEXT NOT NULL,
    -- The end of the hour or day.
    until BIGINT NOT NULL,
    test BOOLEAN NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (fuse, until, test)
);

-- Adds to the counts of a call's moment, in a row of this connection's own.
CREATE FUNCTION count_usage(call attempts, more_texts BIGINT, more_priced BIGINT, more_actual BIGINT)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage (quarter, kind, country, locale, test, shard, texts, segments, estimated_micros, priced,
        actual_micros, priced_estimate_micros)
    VALUES (call.intent_at / 900000, call.kind, call.country, call.locale, call.test, pg_backend_pid(), more_texts,
        more_texts * call.segments, more_texts * call.cost_micros, more_priced, more_actual,
        more_priced * call.cost_micros)
    ON CONFLICT (quarter, kind, country, locale, test, shard) DO UPDATE SET
        texts = usage.texts + excluded.texts, segments = usage.segments + excluded.segments,
        estimated_micros = usage.estimated_micros + excluded.estimated_micros,
        priced = usage.priced + excluded.priced, actual_micros = usage.actual_micros + excluded.actual_micros,
        priced_estimate_micros = usage.priced_estimate_micros + excluded.priced_estimate_micros
$$;

-- A call counts from the moment a host commits to it; one that surely was not sent is taken back.
CREATE FUNCTION describe_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT messages.kind, messages.test, COALESCE(recipients.phone_country, ''), COALESCE(messages.locale_sent, ''),
        COALESCE(messages.segments, 0), COALESCE(messages.cost_micros, 0)
    INTO NEW.kind, NEW.test, NEW.country, NEW.locale, NEW.segments, NEW.cost_micros
    FROM messages JOIN recipients ON recipients.id = messages.recipient_id WHERE messages.id = NEW.message_id;
    RETURN NEW;
END
$$;

CREATE TRIGGER attempts_are_described BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION describe_attempt();

CREATE FUNCTION count_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage (quarter, kind, country, locale, test, shard, texts, segments, estimated_micros, priced,
        actual_micros)
    SELECT intent_at / 900000, kind, country, locale, test, pg_backend_pid(), COUNT(*), SUM(segments),
        SUM(cost_micros), 0, 0
    FROM calls WHERE kind IS NOT NULL GROUP BY 1, kind, country, locale, test
    ON CONFLICT (quarter, kind, country, locale, test, shard) DO UPDATE SET
        texts = usage.texts + excluded.texts, segments = usage.segments + excluded.segments,
        estimated_micros = usage.estimated_micros + excluded.estimated_micros;
    RETURN NULL;
END
$$;

-- Once for all calls of a statement: each further change of one row in one unit of work is slower than the last.
CREATE TRIGGER attempts_are_counted AFTER INSERT ON attempts REFERENCING NEW TABLE AS calls
FOR EACH STATEMENT EXECUTE FUNCTION count_attempts();

-- The price is known some time after the end.
CREATE FUNCTION count_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was BOOLEAN := OLD.outcome IS NULL OR OLD.outcome IN ('accepted', 'unknown');
    is_now BOOLEAN := NEW.outcome IS NULL OR NEW.outcome IN ('accepted', 'unknown');
BEGIN
    IF NEW.kind IS NOT NULL AND was <> is_now THEN
        PERFORM count_usage(NEW, CASE WHEN is_now THEN 1 ELSE -1 END, 0, 0);
    END IF;
    IF NEW.outcome = 'accepted' AND OLD.outcome IS DISTINCT FROM 'accepted' AND NEW.price_micros IS NULL THEN
        NEW.price_due_at := NEW.intent_at + 3600000;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER attempts_are_counted_back BEFORE UPDATE OF outcome ON attempts FOR EACH ROW
EXECUTE FUNCTION count_settled();

CREATE FUNCTION count_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind IS NOT NULL AND OLD.price_micros IS NULL AND NEW.price_micros IS NOT NULL THEN
        PERFORM count_usage(NEW, 0, 1, NEW.price_micros);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER prices_are_counted BEFORE UPDATE OF price_micros ON attempts FOR EACH ROW
EXECUTE FUNCTION count_price();
