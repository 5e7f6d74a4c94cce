-- Who holds the names of these starts: one row per start, with the id of the execution that has
-- its name and whether that has ended, or NULL when nobody has. Served by executions_name.
SELECT starts.id AS id, holders.id AS holder, holders.status <> 'RUNNING' AS has_ended
FROM UNNEST($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[])
    AS starts (shard, id, account, state_machine, name, life)
LEFT JOIN executions AS holders
    ON holders.shard = starts.shard AND holders.account = starts.account
    AND holders.state_machine = starts.state_machine AND holders.name = starts.name
    AND holders.life = starts.life
