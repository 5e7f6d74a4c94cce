-- A node of an earlier release, beside this one during an upgrade, does not say which life it writes of. What it
-- starts belongs to the life that its state machine's name has now, and what it creates under a name that was
-- had before has a life of its own. Who says the life pays nothing: the triggers run only where it is not said.

-- What stands for a life that was not said is no life's.
ALTER TABLE executions ALTER COLUMN life SET DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff';
ALTER TABLE state_machines ALTER COLUMN life SET DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff';

CREATE FUNCTION say_life_of_execution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.life := coalesce(
        (SELECT machines.life FROM state_machines AS machines
            WHERE machines.account = NEW.account AND machines.name = NEW.state_machine),
        '00000000-0000-0000-0000-000000000000'
    );
    RETURN NEW;
END $$;

CREATE TRIGGER say_life BEFORE INSERT ON executions FOR EACH ROW
    WHEN (NEW.life = 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    EXECUTE FUNCTION say_life_of_execution();

CREATE FUNCTION say_life_of_state_machine() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- As `create_state_machine` says it. The first life of a name is all zeros.
    NEW.life := CASE
        WHEN EXISTS (SELECT FROM ended_lives
                WHERE account = NEW.account AND state_machine = NEW.name)
            OR EXISTS (SELECT FROM executions
                WHERE account = NEW.account AND state_machine = NEW.name)
        THEN gen_random_uuid() ELSE '00000000-0000-0000-0000-000000000000'
    END;
    RETURN NEW;
END $$;

CREATE TRIGGER say_life BEFORE INSERT ON state_machines FOR EACH ROW
    WHEN (NEW.life = 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    EXECUTE FUNCTION say_life_of_state_machine();
