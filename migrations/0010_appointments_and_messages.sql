-- What log-worker writes further: appointments, conversations and their messages. And which calendar is a branch's.

ALTER TABLE offhook.branches ADD COLUMN calendar text;
COMMENT ON COLUMN offhook.branches.calendar IS 'VENDOR:ID; where its appointments are kept, and so whose an appointment is; null = nowhere';

CREATE TABLE offhook.appointments (
    org text NOT NULL,
    vendor text NOT NULL, -- who keeps it
    external_id text NOT NULL, -- its id there
    -- whose calendar it stands in
    branch text NOT NULL DEFAULT 'unassigned',
    -- unknown until an event says more than that it exists
    status text CONSTRAINT appointments_status_known CHECK (status IN ('requested', 'booked', 'cancelled', 'rejected', 'rescheduled')),
    no_show boolean,
    starts_at timestamptz,
    ends_at timestamptz,
    previous_starts_at timestamptz, -- before it was moved the last time
    -- where a moved one has a new id: which one it was before, and which one it is now
    rescheduled_from text,
    rescheduled_to text,
    title text,
    calendar text, -- by the vendor's id
    contact_phone text, -- null where the vendor names the person by an id alone
    contact_id text, -- by the vendor
    contact_name text,
    contact_email text,
    time_zone text, -- the person's
    location text,
    cancellation_reason text,
    -- the latest starts that it was ever said to have, each with the event that said so: [[start, [rank, occurred at in ms, event key]], ...]
    starts jsonb NOT NULL DEFAULT '[]',
    -- which event each value came from, as in calls
    provenance jsonb NOT NULL DEFAULT '[]',
    first_received_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- an appointment belongs to one org and is known by its vendor's id, whoever tells of it
    CONSTRAINT appointments_once PRIMARY KEY (org, vendor, external_id)
);
CREATE INDEX appointments_of_contact ON offhook.appointments (org, contact_phone, starts_at DESC);
CREATE INDEX appointments_of_branch ON offhook.appointments (org, branch, starts_at DESC);
COMMENT ON TABLE offhook.appointments IS 'writer: log-worker; one row per booking at its vendor, merged from its events in any order';

CREATE TABLE offhook.conversations (
    org text NOT NULL,
    source text NOT NULL,
    channel text NOT NULL, -- which of our addresses; for WhatsApp the instance
    contact text NOT NULL, -- the person's number; where there is none, the provider's id of the conversation
    contact_phone text,
    branch text NOT NULL DEFAULT 'unassigned',
    audience text CONSTRAINT conversations_audience_known CHECK (audience IN ('person', 'group', 'broadcast')),
    received bigint NOT NULL DEFAULT 0, -- messages to us
    sent bigint NOT NULL DEFAULT 0, -- messages from us
    first_message_at timestamptz,
    last_message_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- one person on one of our addresses is one conversation, for ever
    CONSTRAINT conversations_once PRIMARY KEY (org, source, channel, contact)
);
CREATE INDEX conversations_newest ON offhook.conversations (org, last_message_at DESC);
COMMENT ON TABLE offhook.conversations IS 'writer: log-worker; who writes with us, and on which channel';

CREATE TABLE offhook.messages (
    org text NOT NULL,
    source text NOT NULL,
    channel text NOT NULL,
    conversation text NOT NULL, -- by the provider's id
    direction text NOT NULL CONSTRAINT messages_direction_known CHECK (direction IN ('inbound', 'outbound')),
    message_id text NOT NULL, -- by the provider
    -- as in conversations; null until the message was first counted there
    contact text,
    contact_phone text,
    branch text NOT NULL DEFAULT 'unassigned',
    audience text CONSTRAINT messages_audience_known CHECK (audience IN ('person', 'group', 'broadcast')),
    author_phone text, -- who wrote it, if not we
    author_name text,
    kind text,
    text text COMPRESSION lz4,
    reply_to text, -- the message it answers, by the provider's id
    media_type text,
    media_url text,
    duration_ms bigint,
    sent_at timestamptz,
    provenance jsonb NOT NULL DEFAULT '[]', -- which event each value came from, as in calls
    first_received_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- an id is the provider's within one conversation and direction, and not beyond
    CONSTRAINT messages_once PRIMARY KEY (org, source, channel, conversation, direction, message_id)
);
CREATE INDEX messages_of_conversation ON offhook.messages (org, source, channel, contact, sent_at);
CREATE INDEX messages_of_branch ON offhook.messages (org, branch, sent_at DESC);
COMMENT ON TABLE offhook.messages IS 'writer: log-worker; one row per message, whichever and how many events tell of it';

-- By the local day on which they take place, or would have. One that was moved to a new id is counted where it stands now.
CREATE VIEW offhook.appointment_summary AS
SELECT
    a.org, a.branch, a.day,
    count(*) FILTER (WHERE a.status IS DISTINCT FROM 'rescheduled') AS appointments,
    count(*) FILTER (WHERE a.status = 'booked') AS booked,
    count(*) FILTER (WHERE a.status = 'requested') AS requested,
    count(*) FILTER (WHERE a.status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE a.status = 'rejected') AS rejected,
    count(*) FILTER (WHERE a.status = 'rescheduled') AS rescheduled,
    count(*) FILTER (WHERE a.status = 'booked' AND a.no_show) AS no_shows,
    round(count(*) FILTER (WHERE a.status = 'booked' AND a.no_show)::numeric
        / nullif(count(*) FILTER (WHERE a.status = 'booked'), 0), 4) AS no_show_rate
FROM (
    SELECT k.org, k.branch, k.status, k.no_show,
        (coalesce(k.starts_at, k.first_received_at) AT TIME ZONE coalesce(b.time_zone, 'UTC'))::date AS day
    FROM offhook.appointments AS k LEFT JOIN offhook.branches AS b ON b.org = k.org AND b.branch = k.branch
) AS a
GROUP BY a.org, a.branch, a.day;

-- By the local day on which they were sent.
CREATE VIEW offhook.message_summary AS
SELECT
    m.org, m.branch, m.day, m.source, count(*) AS messages,
    count(*) FILTER (WHERE m.direction = 'inbound') AS received,
    count(*) FILTER (WHERE m.direction = 'outbound') AS sent,
    count(DISTINCT (m.channel, m.contact)) AS conversations
FROM (
    SELECT k.org, k.branch, k.source, k.direction, k.channel, k.contact,
        (coalesce(k.sent_at, k.first_received_at) AT TIME ZONE coalesce(b.time_zone, 'UTC'))::date AS day
    FROM offhook.messages AS k LEFT JOIN offhook.branches AS b ON b.org = k.org AND b.branch = k.branch
) AS m
GROUP BY m.org, m.branch, m.day, m.source;
