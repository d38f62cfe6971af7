PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'kamsync','first_schema','2026-11-24 06:00:01.660899+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'kamsync','kept_evaluation','2026-11-24 06:00:01.661250+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'kamsync','truth_in_the_crm','2026-11-24 06:00:01.662831+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'kamsync','opportunities_know_their_age','2026-11-24 06:00:01.663165+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'kamsync','opportunities_carry_contracts','2026-11-24 06:00:01.713168+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'kamsync','moves_know_what_they_came_from','2026-11-24 06:00:01.713600+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'kamsync','what_was_held_back','2026-11-24 06:00:01.714202+00:00');
CREATE TABLE "accounts" ("id" TEXT, "name" TEXT, "owner_id" TEXT, "parent_id" TEXT, "type" TEXT, "industry" TEXT, "country" TEXT,
  "employees" REAL, "annual_revenue" REAL, "currency" TEXT, "created_date" TEXT, "flag_tier" TEXT, "flag_score" REAL,
  "flag_segment" TEXT, "flag_health" TEXT, "flag_reasons" TEXT, "flag_since" TEXT, "flag_evaluated_at" TEXT,
  "flag_override" TEXT, "flag_override_until" TEXT, "_pull" INTEGER NOT NULL, "flag_decided_tier" TEXT, "flag_receipt" TEXT, "potential" REAL, PRIMARY KEY ("id"));
INSERT INTO "accounts" VALUES('acc-000001','Acme','own-000001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'A',90.0,NULL,NULL,'By score: potential 90.0','2026-11-24','2026-11-24T06:00:01Z',NULL,NULL,2,'A','{"account_id":"acc-000001","name":"Acme","tier":"A","previous_tier":null,"since":"2026-11-24","code":"score","eligible":true,"score":90.0,"attractiveness":90.0,"strength":null,"health_score":null,"segment":null,"health":null,"coverage":1.0,"override":null,"until":null,"changed_by_hand":false,"capacity":null,"rules":[],"seat":"","would_be":null,"next_tier":null,"points_missing":null,"notes":[],"criteria_hash":"39343c99ea94","currency":"","contributions":[{"criterion":"potential","label":"potential","axis":"attractiveness","goal":"market","weight":1.0,"value":90.0,"unit":"","known":true,"scaled":90.0,"points":90.0,"facts":{"potential":90.0}}]}',90.0);
INSERT INTO "accounts" VALUES('acc-000002','Beta','own-000001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'A',80.0,NULL,NULL,'By score: potential 80.0','2026-11-25','2026-11-25T06:00:00Z',NULL,NULL,3,'A','{"account_id":"acc-000002","name":"Beta","tier":"A","previous_tier":"B","since":"2026-11-25","code":"score","eligible":true,"score":80.0,"attractiveness":80.0,"strength":null,"health_score":null,"segment":null,"health":null,"coverage":1.0,"override":null,"until":null,"changed_by_hand":false,"capacity":null,"rules":[],"seat":"","would_be":null,"next_tier":null,"points_missing":null,"notes":[],"criteria_hash":"39343c99ea94","currency":"","contributions":[{"criterion":"potential","label":"potential","axis":"attractiveness","goal":"market","weight":1.0,"value":80.0,"unit":"","known":true,"scaled":80.0,"points":80.0,"facts":{"potential":80.0}}]}',80.0);
INSERT INTO "accounts" VALUES('acc-000003','Tiny','own-000001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,10.0);
CREATE TABLE "activities" ("id" TEXT, "account_id" TEXT, "kind" TEXT, "activity_date" TEXT, "_pull" INTEGER NOT NULL,
  PRIMARY KEY ("id", "account_id"));
CREATE TABLE cursors (stream TEXT PRIMARY KEY, cursor TEXT, fingerprint TEXT NOT NULL, pulled_at TEXT NOT NULL);
INSERT INTO "cursors" VALUES('owners',NULL,'6a0c17f8d6e19f00','2026-11-25T06:00:00+00:00');
INSERT INTO "cursors" VALUES('rates',NULL,'4fcd106a5810cdc8','2026-11-25T06:00:00+00:00');
INSERT INTO "cursors" VALUES('accounts','<accounts 9>','3b1063674639af3e','2026-11-25T06:00:00+00:00');
INSERT INTO "cursors" VALUES('opportunities','<opportunities 9>','5765ff981ef60630','2026-11-25T06:00:00+00:00');
INSERT INTO "cursors" VALUES('tasks','<tasks 9>','3e9bea9bac6fd1ee','2026-11-25T06:00:00+00:00');
CREATE TABLE held_back (list TEXT NOT NULL, seq INTEGER NOT NULL, account_id TEXT NOT NULL, account TEXT NOT NULL,
          what TEXT NOT NULL, reason TEXT NOT NULL, key TEXT NOT NULL, waits INTEGER NOT NULL, PRIMARY KEY (list, seq));
INSERT INTO "held_back" VALUES('4eef4ce982d27b7188e6cb70257ee33e902077709d40332f774bc76e20b7d056',1,'acc-000002','Beta','task welcome/call','Ana gets 1 new tasks in this run already; it waits for the next run','welcome:call:B-2026-11-24:acc-000002',1);
CREATE TABLE history (
  id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, name TEXT, as_of TEXT NOT NULL, run_id TEXT NOT NULL, tier TEXT NOT NULL,
  previous_tier TEXT NOT NULL, code TEXT NOT NULL, score REAL, segment TEXT, health TEXT, criteria_hash TEXT NOT NULL,
  receipt TEXT NOT NULL, settled INTEGER NOT NULL DEFAULT 1, previous_health TEXT, previous_since TEXT);
INSERT INTO "history" VALUES(1,'acc-000001','Acme','2026-11-24','20261124T060001-2c1d','A','none','score',90.0,NULL,NULL,'39343c99ea94','{"account_id":"acc-000001","name":"Acme","tier":"A","previous_tier":null,"since":"2026-11-24","code":"score","eligible":true,"score":90.0,"attractiveness":90.0,"strength":null,"health_score":null,"segment":null,"health":null,"coverage":1.0,"override":null,"until":null,"changed_by_hand":false,"capacity":null,"rules":[],"seat":"","would_be":null,"next_tier":null,"points_missing":null,"notes":[],"criteria_hash":"39343c99ea94","currency":"","contributions":[{"criterion":"potential","label":"potential","axis":"attractiveness","goal":"market","weight":1.0,"value":90.0,"unit":"","known":true,"scaled":90.0,"points":90.0,"facts":{"potential":90.0}}]}',1,NULL,NULL);
INSERT INTO "history" VALUES(2,'acc-000002','Beta','2026-11-24','20261124T060001-2c1d','B','none','score',50.0,NULL,NULL,'39343c99ea94','{"account_id":"acc-000002","name":"Beta","tier":"B","previous_tier":null,"since":"2026-11-24","code":"score","eligible":true,"score":50.0,"attractiveness":50.0,"strength":null,"health_score":null,"segment":null,"health":null,"coverage":1.0,"override":null,"until":null,"changed_by_hand":false,"capacity":null,"rules":[],"seat":"","would_be":null,"next_tier":"A","points_missing":20.0,"notes":[],"criteria_hash":"39343c99ea94","currency":"","contributions":[{"criterion":"potential","label":"potential","axis":"attractiveness","goal":"market","weight":1.0,"value":50.0,"unit":"","known":true,"scaled":50.0,"points":50.0,"facts":{"potential":50.0}}]}',1,NULL,NULL);
INSERT INTO "history" VALUES(3,'acc-000002','Beta','2026-11-25','20261125T060000-a451','A','B','score',80.0,NULL,NULL,'39343c99ea94','{"account_id":"acc-000002","name":"Beta","tier":"A","previous_tier":"B","since":"2026-11-25","code":"score","eligible":true,"score":80.0,"attractiveness":80.0,"strength":null,"health_score":null,"segment":null,"health":null,"coverage":1.0,"override":null,"until":null,"changed_by_hand":false,"capacity":null,"rules":[],"seat":"","would_be":null,"next_tier":null,"points_missing":null,"notes":[],"criteria_hash":"39343c99ea94","currency":"","contributions":[{"criterion":"potential","label":"potential","axis":"attractiveness","goal":"market","weight":1.0,"value":80.0,"unit":"","known":true,"scaled":80.0,"points":80.0,"facts":{"potential":80.0}}]}',1,NULL,'2026-11-24');
CREATE TABLE journal (
  run_id TEXT NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, ref TEXT NOT NULL, account_id TEXT NOT NULL, intent TEXT NOT NULL,
  outcome TEXT, record_id TEXT, message TEXT, at TEXT, PRIMARY KEY (run_id, seq));
INSERT INTO "journal" VALUES('20261124T060001-2c1d',1,'update_account','acc-000001','acc-000001','{"name": "Acme", "fields": {"tier": {"from": null, "to": "A"}, "since": {"from": null, "to": "2026-11-24"}, "decided_tier": {"from": null, "to": "A"}, "score": {"from": null, "to": 90.0}, "reasons": {"from": null, "to": "By score: potential 90.0"}, "receipt": {"from": null, "to": "{\"account_id\":\"acc-000001\",\"name\":\"Acme\",\"tier\":\"A\",\"previous_tier\":null,\"since\":\"2026-11-24\",\"code\":\"score\",\"eligible\":true,\"score\":90.0,\"attractiveness\":90.0,\"strength\":null,\"health_score\":null,\"segment\":null,\"health\":null,\"coverage\":1.0,\"override\":null,\"until\":null,\"changed_by_hand\":false,\"capacity\":null,\"rules\":[],\"seat\":\"\",\"would_be\":null,\"next_tier\":null,\"points_missing\":null,\"notes\":[],\"criteria_hash\":\"39343c99ea94\",\"currency\":\"\",\"contributions\":[{\"criterion\":\"potential\",\"label\":\"potential\",\"axis\":\"attractiveness\",\"goal\":\"market\",\"weight\":1.0,\"value\":90.0,\"unit\":\"\",\"known\":true,\"scaled\":90.0,\"points\":90.0,\"facts\":{\"potential\":90.0}}]}"}, "evaluated_at": {"from": null, "to": "2026-11-24T06:00:01+00:00"}}}','done','acc-000001','','2026-11-24T06:00:01+00:00');
INSERT INTO "journal" VALUES('20261124T060001-2c1d',2,'update_account','acc-000002','acc-000002','{"name": "Beta", "fields": {"tier": {"from": null, "to": "B"}, "since": {"from": null, "to": "2026-11-24"}, "decided_tier": {"from": null, "to": "B"}, "score": {"from": null, "to": 50.0}, "reasons": {"from": null, "to": "By score: potential 50.0"}, "receipt": {"from": null, "to": "{\"account_id\":\"acc-000002\",\"name\":\"Beta\",\"tier\":\"B\",\"previous_tier\":null,\"since\":\"2026-11-24\",\"code\":\"score\",\"eligible\":true,\"score\":50.0,\"attractiveness\":50.0,\"strength\":null,\"health_score\":null,\"segment\":null,\"health\":null,\"coverage\":1.0,\"override\":null,\"until\":null,\"changed_by_hand\":false,\"capacity\":null,\"rules\":[],\"seat\":\"\",\"would_be\":null,\"next_tier\":\"A\",\"points_missing\":20.0,\"notes\":[],\"criteria_hash\":\"39343c99ea94\",\"currency\":\"\",\"contributions\":[{\"criterion\":\"potential\",\"label\":\"potential\",\"axis\":\"attractiveness\",\"goal\":\"market\",\"weight\":1.0,\"value\":50.0,\"unit\":\"\",\"known\":true,\"scaled\":50.0,\"points\":50.0,\"facts\":{\"potential\":50.0}}]}"}, "evaluated_at": {"from": null, "to": "2026-11-24T06:00:01+00:00"}}}','done','acc-000002','','2026-11-24T06:00:01+00:00');
INSERT INTO "journal" VALUES('20261124T060001-2c1d',3,'create_task','welcome:call:A-2026-11-24:acc-000001','acc-000001','{"name": "Acme", "owner_id": "own-000001", "subject": "Call Acme", "body": "", "due": "2026-11-27", "playbook": "welcome", "priority": "normal", "type": "todo"}','done','task-000001','','2026-11-24T06:00:01+00:00');
INSERT INTO "journal" VALUES('20261124T060002-a887',1,'create_task','welcome:call:B-2026-11-24:acc-000002','acc-000002','{"name": "Beta", "owner_id": "own-000001", "subject": "Call Beta", "body": "", "due": "2026-11-27", "playbook": "welcome", "priority": "normal", "type": "todo"}','done','task-000002','','2026-11-24T06:00:02+00:00');
INSERT INTO "journal" VALUES('20261125T060000-a451',1,'update_account','acc-000002','acc-000002','{"name": "Beta", "fields": {"tier": {"from": "B", "to": "A"}, "since": {"from": "2026-11-24", "to": "2026-11-25"}, "decided_tier": {"from": "B", "to": "A"}, "score": {"from": 50.0, "to": 80.0}, "reasons": {"from": "By score: potential 50.0", "to": "By score: potential 80.0"}, "receipt": {"from": "{\"account_id\":\"acc-000002\",\"name\":\"Beta\",\"tier\":\"B\",\"previous_tier\":null,\"since\":\"2026-11-24\",\"code\":\"score\",\"eligible\":true,\"score\":50.0,\"attractiveness\":50.0,\"strength\":null,\"health_score\":null,\"segment\":null,\"health\":null,\"coverage\":1.0,\"override\":null,\"until\":null,\"changed_by_hand\":false,\"capacity\":null,\"rules\":[],\"seat\":\"\",\"would_be\":null,\"next_tier\":\"A\",\"points_missing\":20.0,\"notes\":[],\"criteria_hash\":\"39343c99ea94\",\"currency\":\"\",\"contributions\":[{\"criterion\":\"potential\",\"label\":\"potential\",\"axis\":\"attractiveness\",\"goal\":\"market\",\"weight\":1.0,\"value\":50.0,\"unit\":\"\",\"known\":true,\"scaled\":50.0,\"points\":50.0,\"facts\":{\"potential\":50.0}}]}", "to": "{\"account_id\":\"acc-000002\",\"name\":\"Beta\",\"tier\":\"A\",\"previous_tier\":\"B\",\"since\":\"2026-11-25\",\"code\":\"score\",\"eligible\":true,\"score\":80.0,\"attractiveness\":80.0,\"strength\":null,\"health_score\":null,\"segment\":null,\"health\":null,\"coverage\":1.0,\"override\":null,\"until\":null,\"changed_by_hand\":false,\"capacity\":null,\"rules\":[],\"seat\":\"\",\"would_be\":null,\"next_tier\":null,\"points_missing\":null,\"notes\":[],\"criteria_hash\":\"39343c99ea94\",\"currency\":\"\",\"contributions\":[{\"criterion\":\"potential\",\"label\":\"potential\",\"axis\":\"attractiveness\",\"goal\":\"market\",\"weight\":1.0,\"value\":80.0,\"unit\":\"\",\"known\":true,\"scaled\":80.0,\"points\":80.0,\"facts\":{\"potential\":80.0}}]}"}, "evaluated_at": {"from": "2026-11-24T06:00:01+00:00", "to": "2026-11-25T06:00:00+00:00"}}}','done','acc-000002','','2026-11-25T06:00:00+00:00');
INSERT INTO "journal" VALUES('20261125T060000-a451',2,'create_task','welcome:call:A-2026-11-25:acc-000002','acc-000002','{"name": "Beta", "owner_id": "own-000001", "subject": "Call Beta", "body": "", "due": "2026-11-30", "playbook": "welcome", "priority": "normal", "type": "todo"}','done','task-000003','','2026-11-25T06:00:00+00:00');
CREATE TABLE kept (account_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE "line_items" ("id" TEXT, "opportunity_id" TEXT, "product_family" TEXT, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE merges (
  old_id TEXT PRIMARY KEY, new_id TEXT NOT NULL, override TEXT, override_until TEXT, seen TEXT NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
INSERT INTO "meta" VALUES('notices_told','Everyone on this machine can read config.toml, which says how this program signs in: chmod o-r config.toml');
INSERT INTO "meta" VALUES('full_pulled_at','2026-11-24T06:00:01+00:00');
INSERT INTO "meta" VALUES('loaded_account_fields','id,name,owner_id,parent_id,country,currency,created_date,potential,flag_tier,flag_score,flag_segment,flag_health,flag_reasons,flag_since,flag_evaluated_at,flag_override,flag_override_until,flag_decided_tier,flag_receipt');
INSERT INTO "meta" VALUES('org_id','memory-test_gen0');
INSERT INTO "meta" VALUES('org_name','Memory memory-test_gen0');
INSERT INTO "meta" VALUES('base_currency','EUR');
INSERT INTO "meta" VALUES('pulled_at','2026-11-25T06:00:00+00:00');
INSERT INTO "meta" VALUES('crm_url','https://memory-test_gen0.memory.invalid');
INSERT INTO "meta" VALUES('record_url','https://memory-test_gen0.memory.invalid/accounts/KAMSYNCRECORD');
INSERT INTO "meta" VALUES('own_stamp','2026-11-25T06:00:00Z');
INSERT INTO "meta" VALUES('generation','d8a9434a5dfad485');
INSERT INTO "meta" VALUES('kept','7122216cba9bb6c2911166e8ab4d130c03423df3a37d7cb8dbca519a5c58ac5d');
CREATE TABLE "opportunities" ("id" TEXT, "account_id" TEXT, "name" TEXT, "amount" REAL, "currency" TEXT, "close_date" TEXT,
  "stage" TEXT, "is_closed" INTEGER, "is_won" INTEGER, "probability" REAL, "type" TEXT, "owner_id" TEXT,
  "_pull" INTEGER NOT NULL, "created_date" TEXT, "contract_start" TEXT, "contract_months" REAL, "contract_end" TEXT, PRIMARY KEY ("id"));
CREATE TABLE "owners" ("id" TEXT, "name" TEXT, "email" TEXT, "is_active" INTEGER, "manager_id" TEXT,
  "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
INSERT INTO "owners" VALUES('own-000001','Ana','ana@example.com',1,NULL,3);
CREATE TABLE "rates" ("currency" TEXT, "valid_from" TEXT, "rate" REAL, "_pull" INTEGER NOT NULL,
  PRIMARY KEY ("currency", "valid_from"));
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, kind TEXT NOT NULL, as_of TEXT, started_at TEXT NOT NULL, finished_at TEXT, status TEXT NOT NULL,
  summary TEXT NOT NULL DEFAULT '{}', message TEXT NOT NULL DEFAULT '', criteria_hash TEXT NOT NULL DEFAULT '', undoes TEXT NOT NULL DEFAULT '', fix TEXT NOT NULL DEFAULT '', held TEXT NOT NULL DEFAULT '');
INSERT INTO "runs" VALUES('20261124T060001-2c1d','apply','2026-11-24','2026-11-24T06:00:01+00:00','2026-11-24T06:00:01+00:00','done','{"updated": 2, "created": 1, "existed": 0, "attached": 0, "closed": 0, "deleted": 0, "rejected": 0, "unknown": 0, "held_back": 0}','','39343c99ea94','','','4eef4ce982d27b7188e6cb70257ee33e902077709d40332f774bc76e20b7d056');
INSERT INTO "runs" VALUES('20261124T060002-a887','sync','2026-11-24','2026-11-24T06:00:02+00:00','2026-11-24T06:00:02+00:00','done','{"updated": 0, "created": 1, "existed": 0, "attached": 0, "closed": 0, "deleted": 0, "rejected": 0, "unknown": 0, "held_back": 0}','','39343c99ea94','','','');
INSERT INTO "runs" VALUES('20261125T060000-a451','sync','2026-11-25','2026-11-25T06:00:00+00:00','2026-11-25T06:00:00+00:00','done','{"updated": 1, "created": 1, "existed": 0, "attached": 0, "closed": 0, "deleted": 0, "rejected": 0, "unknown": 0, "held_back": 0}','','39343c99ea94','','','');
INSERT INTO "runs" VALUES('20261125T060000-6865','sync','2026-11-25','2026-11-25T06:00:00+00:00','2026-11-25T06:00:00+00:00','failed','{}','The token does not open the org memory-test_gen0.','','','Correct token under [crm.memory], then run `kamsync doctor`.','');
CREATE TABLE task_ledger (
  key TEXT PRIMARY KEY, account_id TEXT NOT NULL, task_id TEXT, owner_id TEXT, subject TEXT, due TEXT, status TEXT NOT NULL,
  run_id TEXT NOT NULL);
INSERT INTO "task_ledger" VALUES('welcome:call:A-2026-11-24:acc-000001','acc-000001','task-000001','own-000001','Call Acme','2026-11-27','created','20261124T060001-2c1d');
INSERT INTO "task_ledger" VALUES('welcome:call:B-2026-11-24:acc-000002','acc-000002','task-000002','own-000001','Call Beta','2026-11-27','created','20261124T060002-a887');
INSERT INTO "task_ledger" VALUES('welcome:call:A-2026-11-25:acc-000002','acc-000002','task-000003','own-000001','Call Beta','2026-11-30','created','20261125T060000-a451');
CREATE TABLE "tasks" ("id" TEXT, "key" TEXT, "account_id" TEXT, "owner_id" TEXT, "subject" TEXT, "due" TEXT, "is_open" INTEGER,
  "is_deleted" INTEGER, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
INSERT INTO "tasks" VALUES('task-000001','welcome:call:A-2026-11-24:acc-000001','acc-000001','own-000001','Call Acme','2026-11-27',1,0,1);
INSERT INTO "tasks" VALUES('task-000002','welcome:call:B-2026-11-24:acc-000002','acc-000002','own-000001','Call Beta','2026-11-27',1,0,2);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX "line_items_lookup" ON "line_items" ("opportunity_id", "product_family");
CREATE INDEX "activities_lookup" ON "activities" ("account_id", "activity_date", "kind");
CREATE INDEX history_account ON history (account_id, id);
CREATE INDEX history_run ON history (run_id);
CREATE INDEX "opportunities_lookup" ON "opportunities" ("account_id");
COMMIT;
