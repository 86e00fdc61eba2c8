-- What has to be taken out of the caches: one row for each tag, however often it is asked for.

CREATE SEQUENCE offhook.invalidations_asked;

CREATE TABLE offhook.invalidations (
    org text NOT NULL,
    tag text NOT NULL, -- as `offhook cache kinds` names it
    parts jsonb NOT NULL, -- of the tag, a list of texts
    -- which asking stands: what was done for an earlier one is not done for this
    asked bigint NOT NULL DEFAULT nextval('offhook.invalidations_asked'),
    asked_at timestamptz NOT NULL DEFAULT now(),
    bumps_due smallint NOT NULL, -- how often it still has to be done
    due_at timestamptz, -- null: nothing to do
    bumped_at timestamptz,
    -- many events of one tag are one invalidation
    CONSTRAINT invalidations_one_per_tag PRIMARY KEY (org, tag, parts),
    -- an asking is one tag's, and it is found by it
    CONSTRAINT invalidations_asked_once UNIQUE (asked)
);
CREATE INDEX invalidations_due ON offhook.invalidations (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE offhook.invalidations IS 'writer: invalidate-worker; what is taken out of the caches, and what still has to be';
