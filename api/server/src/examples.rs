//! What stands below the help of each command: how it is called, and what else it hears.

/// Of the program.
pub(crate) const ALL: &str = "\
Examples:
  statewright dev                                 everything, on this machine
  statewright validate order.asl.json             what is wrong with a definition
  statewright run order.asl.json --input '{}'     one definition to its end, without a server
  statewright serve --help                        the settings of a server, with their variables";

/// Of `dev`.
pub(crate) const DEV: &str = "\
Examples:
  statewright dev
  statewright dev order.asl.json --function charge=http://127.0.0.1:9000/charge
  statewright dev --listen 127.0.0.1:9083 --data-dir ./data

Environment:
  STATEWRIGHT_ACCESS_KEYS  access keys beside those of the database: `ID:SECRET[:ACCOUNT[:SCOPE]],…`,
                           or `[[access_keys]]` in the file
  PG_BIN_DIR               where the programs of Postgres are, if not where they usually are
  XDG_DATA_HOME            where the folder `statewright` is that keeps the data, without `--data-dir`
                           [default: ~/.local/share; for root it is /var/lib]";

/// Of `serve`.
pub(crate) const SERVE: &str = "\
Examples:
  DATABASE_URL=postgres://user@host/db statewright serve
  statewright serve --config /etc/statewright.toml --no-migrate
  statewright serve --log-format json --log-level info,runtime=debug

Environment:
  STATEWRIGHT_ACCESS_KEYS  access keys beside those of the database: `ID:SECRET[:ACCOUNT[:SCOPE]],…`,
                           or `[[access_keys]]` in the file";

/// Of `validate`.
pub(crate) const VALIDATE: &str = "\
Examples:
  statewright validate order.asl.json refund.asl.yaml
  statewright validate definitions --allow LAMBDA_WITHOUT_RETRY --format sarif > findings.sarif
  statewright validate order.asl.json --substitution Queue=orders --substitutions values.yaml
  statewright validate --format json - < order.asl.json";

/// Of `run`.
pub(crate) const RUN: &str = "\
Examples:
  statewright run order.asl.json --input @order.input.json
  statewright run order.asl.json --function charge=http://127.0.0.1:9000/charge
  echo '{\"n\": 1}' | statewright run order.asl.json --input @-

Environment:
  PG_BIN_DIR                    where the programs of Postgres are, if not where they usually are
  STATEWRIGHT_SEALING_KEY_FILE  a file with the keys of the database that `--database-url` names, or
  STATEWRIGHT_SEALING_KEY       the keys themselves";

/// Of `migrate`.
pub(crate) const MIGRATE: &str = "\
Examples:
  DATABASE_URL=postgres://user@host/db statewright migrate
  statewright migrate --database-url postgres://user@host/db --database-wait-seconds 5";

/// Of `keys`.
pub(crate) const KEYS: &str = "\
Examples:
  statewright keys create                          an access key, for everything
  statewright keys list --data-dir ./data          those of `statewright dev --data-dir ./data`
  statewright keys new-sealing-key > sealing-key   what `serve` seals secrets with";

/// Of `schedule`.
pub(crate) const SCHEDULE: &str = "\
Examples:
  statewright schedule preview 'rate(5 minutes)'";

/// Of `schedule preview`.
pub(crate) const PREVIEW: &str = "\
Examples:
  statewright schedule preview 'cron(30 2 ? * SUN *)' --timezone Europe/Berlin --count 5
  statewright schedule preview 'rate(5 minutes)' --after 2027-01-31T09:00:00Z --format json";
