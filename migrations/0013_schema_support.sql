-- Which programs can work on this schema: those that know this migration. A migration that leaves the
-- statements of earlier releases valid leaves it alone, so that an earlier release may run beside a
-- later one and be gone back to; any other sets it to its own number.
CREATE TABLE schema_support (
    oldest bigint NOT NULL
);

INSERT INTO schema_support VALUES (13);
