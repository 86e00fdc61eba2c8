-- What every worker keeps, and what log-worker writes: the archive of events, calls, contacts.

CREATE TABLE offhook.inbox (
    worker text NOT NULL,
    version smallint NOT NULL, -- of the projection: a rebuilt one applies every event again
    event_key uuid NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    -- an event is applied once by each projection, however often it is delivered
    CONSTRAINT inbox_applied_once PRIMARY KEY (event_key, worker, version)
);
COMMENT ON TABLE offhook.inbox IS 'writer: each worker its own rows; which events it has applied';

-- Rows leave by age; a block range index costs an insert next to nothing.
CREATE INDEX inbox_by_age ON offhook.inbox USING brin (claimed_at);

CREATE TABLE offhook.attempts (
    worker text NOT NULL,
    event_key uuid NOT NULL,
    begun int NOT NULL,
    last_begun_at timestamptz NOT NULL DEFAULT now(),
    -- one mark for each event that is handled alone
    CONSTRAINT attempts_one_mark PRIMARY KEY (event_key, worker)
);
COMMENT ON TABLE offhook.attempts IS 'writer: each worker its own rows; attempts at an event alone that have not come to an end';

CREATE TABLE offhook.positions (
    -- one durable consumer per worker
    worker text CONSTRAINT positions_one_per_worker PRIMARY KEY,
    finished_before timestamptz, -- null until it has looked once
    probed_at timestamptz -- the last time it asked whether this database takes writes
);
COMMENT ON TABLE offhook.positions IS 'writer: each worker its own row; where it starts again if the broker forgets its consumer';

CREATE TABLE offhook.events (
    -- the key is the identity: a replay of the stream archives nothing twice
    event_key uuid CONSTRAINT events_archived_once PRIMARY KEY,
    org text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    channel text NOT NULL,
    subject text,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    content_type text NOT NULL,
    fault text, -- why an authentic body could not be read
    body bytea COMPRESSION lz4 NOT NULL -- the provider's bytes, verbatim
);
CREATE INDEX events_of_subject ON offhook.events (org, subject, occurred_at);
CREATE INDEX events_by_receipt ON offhook.events (received_at);
COMMENT ON TABLE offhook.events IS 'writer: log-worker; the archive of everything that was acknowledged';

CREATE TABLE offhook.calls (
    org text NOT NULL,
    source text NOT NULL,
    call_id text NOT NULL,
    branch text NOT NULL DEFAULT 'unassigned',
    -- unknown until an event says more than that the call exists
    status text CONSTRAINT calls_status_known CHECK (status IN ('active', 'ended', 'not_connected', 'error')),
    direction text CONSTRAINT calls_direction_known CHECK (direction IN ('inbound', 'outbound')),
    call_type text,
    agent_id text,
    from_number text,
    to_number text,
    contact_phone text,
    started_at timestamptz,
    ended_at timestamptz,
    duration_ms bigint,
    disconnection_reason text,
    transcript text COMPRESSION lz4,
    summary text,
    sentiment text,
    successful boolean,
    in_voicemail boolean,
    cost_cents numeric,
    transferred boolean,
    transfer_destination text,
    recording_url text,
    -- the answer that this call was given, planted in its metadata
    answer_id text,
    -- which event each value came from: [[[rank, occurred at in ms, event key], [columns]], ...]
    provenance jsonb NOT NULL DEFAULT '[]',
    first_received_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- a call belongs to one org and is known by its source's id
    CONSTRAINT calls_once PRIMARY KEY (org, source, call_id)
);
CREATE INDEX calls_of_contact ON offhook.calls (org, contact_phone, started_at DESC);
CREATE INDEX calls_of_branch ON offhook.calls (org, branch, started_at DESC);
-- The newest calls of an org, those that never connected included.
CREATE INDEX calls_newest ON offhook.calls (org, (coalesce(started_at, ended_at, first_received_at)) DESC);
COMMENT ON TABLE offhook.calls IS 'writer: log-worker; one row per call, merged from its events in any order';

CREATE TABLE offhook.contacts (
    org text NOT NULL,
    phone text NOT NULL,
    name text,
    email text,
    total_calls bigint NOT NULL DEFAULT 0,
    first_call_at timestamptz,
    last_call_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- one person, one number, within an org; never across orgs
    CONSTRAINT contacts_once PRIMARY KEY (org, phone)
);
COMMENT ON TABLE offhook.contacts IS 'writer: log-worker; who called or was called';
