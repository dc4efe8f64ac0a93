BEGIN TRANSACTION;
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
INSERT INTO "spend_balance" VALUES('all','ever','UTC','ever','USD',250000000000,1000000000000,0,5000000000000);
CREATE TABLE spend_budget (
  account TEXT NOT NULL,
  per TEXT NOT NULL,
  zone TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  PRIMARY KEY (account, per, zone)
);
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
INSERT INTO "spend_call" VALUES('done:1','done',1,'settled','host:19265:caf69bf2',1796075481369187,1000000000000,250000000000,'[["all", "ever", "UTC", "ever", "USD"]]',250000000000,'USD',NULL,'list',0,'ok','','qwen3.6-plus','dashscope-intl','','','',7,3,0,0,0,'u1','','','','','','','["x"]',1796074581368567,1796074581382381);
INSERT INTO "spend_call" VALUES('open:1','open',1,'open','host:19265:caf69bf2',1796075481382982,1000000000000,0,'[["all", "ever", "UTC", "ever", "USD"]]',NULL,'USD',NULL,'',0,'','','qwen3.6-plus','dashscope-intl','','','',0,0,0,0,0,'u1','','','','','','','',1796074581382651,0);
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
INSERT INTO "spend_rollup" VALUES('2026-11-30','qwen3.6-plus','dashscope-intl','u1','','','','USD',1,7,3,250000000000,0,0,0,0,0,0,0);
CREATE TABLE spend_schema (version INTEGER PRIMARY KEY, applied TEXT NOT NULL);
INSERT INTO "spend_schema" VALUES(1,'2026-11-30T21:36:21.366792+00:00');
CREATE INDEX spend_call_lease ON spend_call (state, lease_until);
CREATE INDEX spend_call_started ON spend_call (started);
CREATE INDEX spend_call_user ON spend_call (user_id, started);
CREATE INDEX spend_call_team ON spend_call (team, started);
CREATE INDEX spend_call_thread ON spend_call (thread, started);
COMMIT;
