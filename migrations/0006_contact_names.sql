-- What contacts are called: by the CRM, or as it was heard on a call. And the numbers that calls no longer belong to.

-- which event each value came from, as in calls; [[[rank, occurred at in ms, event key], [columns]], ...]
ALTER TABLE offhook.contacts ADD COLUMN provenance jsonb NOT NULL DEFAULT '[]';

-- contacts that the call was counted for before a surer event named another number: they have changed with it
ALTER TABLE offhook.calls ADD COLUMN former_phones text[] NOT NULL DEFAULT '{}';
