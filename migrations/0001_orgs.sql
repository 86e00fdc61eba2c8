-- Who the platform works for: orgs, their branches, and the addresses that reach a branch.
-- Rows are never deleted, as calls refer to them: what left orgs.toml has removed_at set, and comes back by being in it again.

CREATE SCHEMA IF NOT EXISTS offhook;

CREATE TABLE offhook.orgs (
    org        text        NOT NULL,
    name       text        NOT NULL,
    removed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- One row per customer for ever: a returning org finds its calls again.
    CONSTRAINT orgs_pkey PRIMARY KEY (org)
);
COMMENT ON TABLE offhook.orgs IS 'writer: offhook orgs; one customer of the platform, from orgs.toml';
COMMENT ON COLUMN offhook.orgs.removed_at IS 'since when the org is no longer in orgs.toml; null = it is';

CREATE TABLE offhook.branches (
    org        text        NOT NULL,
    branch     text        NOT NULL,
    time_zone  text        NOT NULL,
    hours      jsonb       NOT NULL,
    exceptions jsonb       NOT NULL,
    removed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Branch ids are chosen by the org, so they are unique only within it.
    CONSTRAINT branches_pkey PRIMARY KEY (org, branch),
    -- A branch without its org would be nobody's.
    CONSTRAINT branches_org_fkey FOREIGN KEY (org) REFERENCES offhook.orgs (org),
    -- A call that reaches no branch is counted under this word; a real branch of that name would swallow those.
    CONSTRAINT branches_branch_not_reserved CHECK (branch <> 'unassigned')
);
COMMENT ON TABLE offhook.branches IS 'writer: offhook orgs; a site of an org, its zone and hours, from orgs.toml';
COMMENT ON COLUMN offhook.branches.time_zone IS 'IANA name; the branch''s days are cut in it';
COMMENT ON COLUMN offhook.branches.hours IS '{"mon": ["09:00-17:00"], ...}; a day without an entry is closed';
COMMENT ON COLUMN offhook.branches.exceptions IS '{"2026-12-25": [], ...}; a date''s openings instead of its weekday''s';

CREATE TABLE offhook.channels (
    org        text        NOT NULL,
    kind       text        NOT NULL,
    address    text        NOT NULL,
    branch     text        NOT NULL,
    removed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- One address leads to one branch. log-worker looks channels up by it, removed ones too: late events of an address
    -- that has left still belong to its branch.
    CONSTRAINT channels_pkey PRIMARY KEY (org, kind, address),
    -- The branch of a call is read from here; one that does not exist would give its day no time zone.
    CONSTRAINT channels_branch_fkey FOREIGN KEY (org, branch) REFERENCES offhook.branches (org, branch),
    -- Code matches on these words; a new kind comes with its code and a migration.
    CONSTRAINT channels_kind_known CHECK (kind IN ('phone', 'agent', 'whatsapp', 'webhook'))
);
-- A phone number and an agent id mean the same for everyone, so at one time they have one org. The other kinds are names
-- inside an org's own URL.
CREATE UNIQUE INDEX channels_one_org ON offhook.channels (kind, address)
    WHERE removed_at IS NULL AND kind IN ('phone', 'agent');
COMMENT ON TABLE offhook.channels IS 'writer: offhook orgs; an address that reaches a branch, from orgs.toml';
COMMENT ON COLUMN offhook.channels.address IS 'a phone: E.164; else the name that the source or our URL uses';
