-- What contacts are called depends on all that was said of them: the CRM may only tell back what we heard and pushed there.

-- by column, each with the event that said so: the latest the CRM told (typed) and the values it told first (known), the latest a
-- person told or shows (told) and the values that were told or shown first (heard):
-- {column: {typed: [stamp, value], known: [[stamp, value], ...], told: [stamp, value], heard: [[stamp, value], ...]}};
-- a stamp is [rank, occurred at in ms, event key]
ALTER TABLE offhook.contacts ADD COLUMN said jsonb NOT NULL DEFAULT '{}';

-- Of each value that stands in a row its stamp tells who said it: rank 2 is the CRM.
UPDATE offhook.contacts AS c SET said = s.said
FROM (
    SELECT k.org, k.phone, jsonb_object_agg(v.name, CASE
            WHEN (p.entry->0->>0)::int = 2 THEN jsonb_build_object('typed', jsonb_build_array(p.entry->0, v.value),
                'known', jsonb_build_array(jsonb_build_array(p.entry->0, v.value)))
            ELSE jsonb_build_object('told', jsonb_build_array(p.entry->0, v.value),
                'heard', jsonb_build_array(jsonb_build_array(p.entry->0, v.value)))
        END) AS said
    FROM offhook.contacts AS k
    CROSS JOIN LATERAL jsonb_array_elements(k.provenance) AS p (entry)
    CROSS JOIN LATERAL (VALUES ('name', k.name), ('email', k.email)) AS v (name, value)
    WHERE p.entry->1 ? v.name AND v.value IS NOT NULL
    GROUP BY k.org, k.phone
) AS s
WHERE (c.org, c.phone) = (s.org, s.phone);

ALTER TABLE offhook.contacts DROP COLUMN provenance;
