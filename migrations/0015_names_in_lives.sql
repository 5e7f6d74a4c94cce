-- A name is given once in each life of a state machine. A chapter of its own, so that what was changed before
-- holds no lock meanwhile: while the index is built executions are read, and wait to be written.

-- Refuses a second execution of the same name in one life, and serves `describe`.
CREATE UNIQUE INDEX executions_name_in_life
    ON executions (shard, account, state_machine, name, life);
DROP INDEX executions_name;
ALTER INDEX executions_name_in_life RENAME TO executions_name;
