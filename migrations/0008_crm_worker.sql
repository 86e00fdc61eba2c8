-- What is to be so at each org's CRM, and what of it is there already.

CREATE TABLE offhook.crm_contacts (
    org text NOT NULL,
    phone text NOT NULL,
    vendor text NOT NULL,
    external_id text, -- the vendor's, as last heard; null while not known, or forgotten
    desired jsonb NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 0, -- of what is desired; 0: nothing yet
    pushed_version bigint NOT NULL DEFAULT 0,
    refused_version bigint, -- the vendor does not want this one; a newer one is tried
    refused text, -- why not
    due_at timestamptz, -- of the next push; under a claim, when that ends. Null: nothing to push
    claim uuid, -- of the pusher that has it in hand
    attempts int NOT NULL DEFAULT 0, -- that failed since the last success
    last_error text,
    pushed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- one person is one contact at a vendor
    CONSTRAINT crm_contacts_once PRIMARY KEY (org, phone, vendor),
    -- a claim without an end would keep its contact from being pushed for ever
    CONSTRAINT crm_contacts_claim_ends CHECK (claim IS NULL OR due_at IS NOT NULL),
    -- a refusal without its reason helps nobody
    CONSTRAINT crm_contacts_refusal_whole CHECK ((refused_version IS NULL) = (refused IS NULL))
);
-- What a pusher looks for, account by account.
CREATE INDEX crm_contacts_due ON offhook.crm_contacts (org, vendor, due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE offhook.crm_contacts IS 'writer: crm-worker (and `offhook crm push`, through it); the desired state of each contact and how far it is pushed';

CREATE TABLE offhook.crm_notes (
    org text NOT NULL,
    vendor text NOT NULL,
    source text NOT NULL,
    call_id text NOT NULL,
    phone text NOT NULL, -- whose note it is
    -- adding: it may be at the vendor already, look before adding it again; refused: it keeps no other from being added
    state text NOT NULL DEFAULT 'wanted'
        CONSTRAINT crm_notes_state_known CHECK (state IN ('wanted', 'adding', 'added', 'refused')),
    external_id text, -- the vendor's
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- a call is noted once
    CONSTRAINT crm_notes_once PRIMARY KEY (org, vendor, source, call_id)
);
CREATE INDEX crm_notes_open ON offhook.crm_notes (org, phone, vendor) WHERE state IN ('wanted', 'adding');
COMMENT ON TABLE offhook.crm_notes IS 'writer: crm-worker; the intent of each note, committed before it is added, as no vendor has a key for it';
