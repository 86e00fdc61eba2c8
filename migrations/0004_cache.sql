-- What the cache keeps while Redis is away. Unlogged: it may be lost at any time, and is emptied when Redis is back.

CREATE UNLOGGED TABLE offhook.cache_entries (
    -- one value per key; a generation's key names its tag
    key text CONSTRAINT cache_entries_one_per_key PRIMARY KEY,
    value bytea NOT NULL, -- with its header; or a generation
    tags text[] NOT NULL DEFAULT '{}', -- the generations that a value was loaded under
    fresh_until timestamptz NOT NULL -- past it the row is no more than garbage
);
CREATE INDEX cache_entries_by_tag ON offhook.cache_entries USING gin (tags);
COMMENT ON TABLE offhook.cache_entries IS 'writer: the cache of any service, while Redis is away; values of at most 60 s';
