-- Bodies that are too large for a message are stored apart, under their digest; the archive keeps where.

ALTER TABLE offhook.events
    ADD COLUMN body_digest text, -- SHA-256 in hex; null: the body stands in this row
    ADD COLUMN body_bytes bigint;
-- Whoever deletes what nobody refers to asks for it.
CREATE INDEX events_of_body ON offhook.events (body_digest) WHERE body_digest IS NOT NULL;
COMMENT ON COLUMN offhook.events.body IS 'the provider''s bytes, verbatim; none if they are stored apart';
