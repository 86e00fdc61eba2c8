-- An invalidation that is done and could not be told yet is told, and not done again.

ALTER TABLE offhook.invalidations
    ADD COLUMN bumped boolean NOT NULL DEFAULT false; -- this time; what is left of it is to tell

-- invalidate-worker asks who is known by a CRM's id: a contact's former number has changed with it.
CREATE INDEX crm_contacts_by_external_id ON offhook.crm_contacts (org, vendor, external_id) WHERE external_id IS NOT NULL;
