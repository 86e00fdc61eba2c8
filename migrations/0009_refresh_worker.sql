-- What calls will ask for next, and what the memory vendors are told of them.

CREATE TABLE offhook.hot (
    org text NOT NULL,
    kind text NOT NULL, -- of the cache
    parts jsonb NOT NULL, -- what names it among others of its kind: a list of texts
    wanted_until timestamptz NOT NULL,
    warm_at timestamptz NOT NULL, -- shortly before it is fresh no more; while it is being warmed, when the lease ends
    lease uuid, -- of who warms it
    attempts int NOT NULL DEFAULT 0, -- that failed, since the last one that did not
    -- a hundred calls of one caller want one thing
    CONSTRAINT hot_once PRIMARY KEY (org, kind, parts)
);
CREATE INDEX hot_by_time ON offhook.hot (warm_at);
COMMENT ON TABLE offhook.hot IS 'writer: refresh-worker; what is kept warm in the cache, and until when';

CREATE TABLE offhook.memories (
    org text NOT NULL,
    source text NOT NULL,
    call_id text NOT NULL,
    state text NOT NULL DEFAULT 'due'
        -- due: not all is told; adding: whether the next part is, only the vendor knows; added: all is told, and not seen to be
        -- remembered yet. The others are ends: untold for want of a vendor or of anything to tell
        CONSTRAINT memories_state_known
        CHECK (state IN ('due', 'adding', 'added', 'stored', 'given_up', 'refused', 'untold')),
    state_since timestamptz NOT NULL DEFAULT now(),
    -- set when telling begins, so that a call that changes meanwhile is not told half one way, half the other
    phone text,
    vendor text,
    messages jsonb COMPRESSION lz4, -- null again at the end
    told int NOT NULL DEFAULT 0, -- of the messages, as the vendor divides them
    receipt text, -- by which the vendor knows what it makes of them
    due_at timestamptz NOT NULL, -- while somebody is at it, when the lease ends
    lease uuid,
    attempts int NOT NULL DEFAULT 0, -- that failed, since it last got any further
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- a call is told once
    CONSTRAINT memories_once PRIMARY KEY (org, source, call_id)
);
CREATE INDEX memories_due ON offhook.memories (due_at) WHERE state IN ('due', 'adding', 'added');
COMMENT ON TABLE offhook.memories IS 'writer: refresh-worker; the intent record of what a memory vendor is told of a call';
