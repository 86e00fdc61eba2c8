-- Daily figures: what each call contributes, and the sums of that.

CREATE TABLE offhook.call_contributions (
    org text NOT NULL,
    source text NOT NULL,
    call_id text NOT NULL,
    -- null until the call was first counted
    branch text,
    day date,
    calls int NOT NULL DEFAULT 0,
    inbound int NOT NULL DEFAULT 0,
    outbound int NOT NULL DEFAULT 0,
    answered int NOT NULL DEFAULT 0,
    not_connected int NOT NULL DEFAULT 0,
    successful int NOT NULL DEFAULT 0,
    transfers int NOT NULL DEFAULT 0,
    voicemails int NOT NULL DEFAULT 0,
    duration_ms bigint NOT NULL DEFAULT 0,
    cost_cents numeric NOT NULL DEFAULT 0,
    -- a call counts once, whatever comes late or twice
    CONSTRAINT call_contributions_once PRIMARY KEY (org, source, call_id)
);
COMMENT ON TABLE offhook.call_contributions IS 'writer: metrics-worker; what each call adds to its day at present';

CREATE TABLE offhook.daily_metrics (
    org text NOT NULL,
    branch text NOT NULL,
    day date NOT NULL, -- in the branch's zone
    calls bigint NOT NULL,
    inbound bigint NOT NULL,
    outbound bigint NOT NULL,
    answered bigint NOT NULL, -- connected: it started, or has a duration
    not_connected bigint NOT NULL,
    successful bigint NOT NULL, -- says the provider's analysis
    transfers bigint NOT NULL, -- bridged, or ended by transfer
    voicemails bigint NOT NULL,
    duration_ms bigint NOT NULL,
    cost_cents numeric NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- the sums of a branch's day stand once
    CONSTRAINT daily_metrics_once PRIMARY KEY (org, branch, day)
);
COMMENT ON TABLE offhook.daily_metrics IS 'writer: metrics-worker; sums of the contributions by branch and local day';

-- What a call contributes by its row alone; the definitions stand here and nowhere else. A recount uses the same view.
CREATE VIEW offhook.call_figures AS
SELECT
    k.org, k.source, k.call_id, k.branch,
    (coalesce(k.started_at, k.ended_at, k.first_received_at) AT TIME ZONE coalesce(b.time_zone, 'UTC'))::date AS day,
    1 AS calls,
    (k.direction IS NOT DISTINCT FROM 'inbound')::int AS inbound,
    (k.direction IS NOT DISTINCT FROM 'outbound')::int AS outbound,
    (k.status IS DISTINCT FROM 'not_connected' AND (k.started_at IS NOT NULL OR coalesce(k.duration_ms, 0) > 0))::int AS answered,
    (k.status IS NOT DISTINCT FROM 'not_connected')::int AS not_connected,
    coalesce(k.successful, false)::int AS successful,
    coalesce(k.transferred, false)::int AS transfers,
    (coalesce(k.in_voicemail, false) OR k.disconnection_reason IS NOT DISTINCT FROM 'voicemail_reached')::int AS voicemails,
    coalesce(k.duration_ms, 0) AS duration_ms,
    coalesce(k.cost_cents, 0) AS cost_cents
FROM offhook.calls AS k
LEFT JOIN offhook.branches AS b ON b.org = k.org AND b.branch = k.branch;

CREATE VIEW offhook.daily_summary AS
SELECT
    org, branch, day, calls, inbound, outbound, answered, not_connected, successful, transfers, voicemails, duration_ms, cost_cents,
    round(duration_ms::numeric / nullif(answered, 0)) AS average_duration_ms,
    round(cost_cents / nullif(calls, 0), 4) AS average_cost_cents,
    round(answered::numeric / nullif(calls, 0), 4) AS answer_rate,
    round(successful::numeric / nullif(answered, 0), 4) AS success_rate,
    round(transfers::numeric / nullif(answered, 0), 4) AS transfer_rate,
    round(voicemails::numeric / nullif(answered, 0), 4) AS voicemail_rate
FROM offhook.daily_metrics
WHERE calls > 0;

-- The last 30 local days, today included.
CREATE VIEW offhook.conversion_30d AS
SELECT
    m.org, m.branch, sum(m.calls) AS calls, sum(m.answered) AS answered, sum(m.successful) AS successful,
    round(sum(m.successful) / nullif(sum(m.answered), 0), 4) AS conversion_rate
FROM offhook.daily_metrics AS m
LEFT JOIN offhook.branches AS b ON b.org = m.org AND b.branch = m.branch
WHERE m.day > (now() AT TIME ZONE coalesce(b.time_zone, 'UTC'))::date - 30
GROUP BY m.org, m.branch;

-- Every call of the last 30 days without its transcript; ask with org and a limit, newest first.
CREATE VIEW offhook.recent_calls AS
SELECT
    org, coalesce(started_at, ended_at, first_received_at) AS happened_at, source, call_id, branch, status, direction, call_type, agent_id,
    contact_phone, started_at, ended_at, duration_ms, disconnection_reason, summary, sentiment, successful, in_voicemail, transferred, cost_cents
FROM offhook.calls
WHERE coalesce(started_at, ended_at, first_received_at) > now() - interval '30 days'
ORDER BY happened_at DESC;
