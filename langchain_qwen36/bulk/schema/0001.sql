-- A start of the runner on this journal. Times are microseconds since 1970 in UTC. Runs of one
-- `fingerprint` (input, prompt, model) share a generation: their rows make one output.
CREATE TABLE bulk_run (
  number INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  settings TEXT NOT NULL,
  started BIGINT NOT NULL,
  in_flight INTEGER NOT NULL DEFAULT 0,
  ended BIGINT,
  ending TEXT NOT NULL DEFAULT ''
);

-- A row of the input. `key` is a hash of the request's body, so that a changed prompt is another
-- row. `generation`, `position`, `line` and `id` are those of the newest run that read it.
-- Money is in units of 10^-12 of the currency, and is the sum of all attempts. NULL: not known.
-- `state`: pending, sent (a call is under way), batch (in a batch job), done, failed.
CREATE TABLE bulk_row (
  key TEXT NOT NULL UNIQUE,
  generation INTEGER NOT NULL,
  run INTEGER NOT NULL,
  position INTEGER NOT NULL,
  line INTEGER NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  answer TEXT,
  usage TEXT,
  cost BIGINT,
  currency TEXT NOT NULL DEFAULT '',
  error TEXT,
  fields TEXT,
  batch INTEGER,
  ended BIGINT
);
CREATE INDEX bulk_row_order ON bulk_row (generation, position);
CREATE INDEX bulk_row_state ON bulk_row (state) WHERE state IN ('sent', 'batch', 'failed');
CREATE INDEX bulk_row_batch ON bulk_row (batch) WHERE batch IS NOT NULL;

-- A batch job of a provider: its files, its id there, and how far it is.
CREATE TABLE bulk_batch (
  number INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  state TEXT NOT NULL,
  gateway TEXT NOT NULL,
  base_url TEXT NOT NULL,
  model TEXT NOT NULL,
  thinking INTEGER,
  rows INTEGER NOT NULL,
  input_file TEXT NOT NULL DEFAULT '',
  batch_id TEXT NOT NULL DEFAULT '',
  output_file TEXT NOT NULL DEFAULT '',
  error_file TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '{}',
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
