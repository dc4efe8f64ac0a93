-- What one attempt of a call cost, from its reservation on. An open row is a hold: `owner` and
-- `lease_until` say whose and until when. Money is in units of 10^-12 of the currency, times are
-- microseconds since 1970 in UTC. The same statements run on SQLite and Postgres.
CREATE TABLE spend_call (
  id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  state TEXT NOT NULL,
  owner TEXT NOT NULL,
  lease_until BIGINT NOT NULL,
  held BIGINT NOT NULL,
  charged BIGINT NOT NULL,
  charges TEXT NOT NULL,
  cost BIGINT,
  currency TEXT NOT NULL,
  listed BIGINT,
  source TEXT NOT NULL,
  estimated INTEGER NOT NULL,
  ending TEXT NOT NULL,
  error TEXT NOT NULL,
  model TEXT NOT NULL,
  gateway TEXT NOT NULL,
  tier TEXT NOT NULL,
  request_id TEXT NOT NULL,
  response_id TEXT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  cache_write_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  team TEXT NOT NULL,
  api_key TEXT NOT NULL,
  thread TEXT NOT NULL,
  agent TEXT NOT NULL,
  tool TEXT NOT NULL,
  own TEXT NOT NULL,
  tags TEXT NOT NULL,
  started BIGINT NOT NULL,
  ended BIGINT NOT NULL
);
CREATE INDEX spend_call_lease ON spend_call (state, lease_until);
CREATE INDEX spend_call_started ON spend_call (started);
CREATE INDEX spend_call_user ON spend_call (user_id, started);
CREATE INDEX spend_call_team ON spend_call (team, started);
CREATE INDEX spend_call_thread ON spend_call (thread, started);

-- A limit of an account, such as `user:u1`, or of every account of a kind: `user:*`.
CREATE TABLE spend_budget (
  account TEXT NOT NULL,
  per TEXT NOT NULL,
  zone TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  PRIMARY KEY (account, per, zone)
);

-- What an account spent and holds in a window. A new window is a new row: nothing is reset.
CREATE TABLE spend_balance (
  account TEXT NOT NULL,
  per TEXT NOT NULL,
  zone TEXT NOT NULL,
  window_start TEXT NOT NULL,
  currency TEXT NOT NULL,
  spent BIGINT NOT NULL,
  held BIGINT NOT NULL,
  topped_up BIGINT NOT NULL,
  limit_amount BIGINT,
  PRIMARY KEY (account, per, zone, window_start, currency)
);

-- Sums by day (UTC), written with each settlement: a report reads these and no calls.
CREATE TABLE spend_rollup (
  day TEXT NOT NULL,
  model TEXT NOT NULL,
  gateway TEXT NOT NULL,
  user_id TEXT NOT NULL,
  team TEXT NOT NULL,
  agent TEXT NOT NULL,
  tool TEXT NOT NULL,
  currency TEXT NOT NULL,
  calls BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  unpriced BIGINT NOT NULL,
  estimated BIGINT NOT NULL,
  expired BIGINT NOT NULL,
  expired_cost BIGINT NOT NULL,
  reported BIGINT NOT NULL,
  reported_cost BIGINT NOT NULL,
  listed_cost BIGINT NOT NULL,
  PRIMARY KEY (day, model, gateway, user_id, team, agent, tool, currency)
);
