
  CREATE TABLE lanes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    portal text NOT NULL,
    connector text NOT NULL,
    line integer NOT NULL,
    channel text NOT NULL,
    UNIQUE (portal, connector, line, channel)
  );

  CREATE SEQUENCE outbox_seq;
  CREATE TABLE outbox (
    id text COLLATE "C" PRIMARY KEY,
    -- In the order of arrival; rows are written in the order of ids.
    seq bigint NOT NULL UNIQUE,
    lane integer NOT NULL,
    channel text NOT NULL,
    chat text NOT NULL,
    message text NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    reason text,
    refused_reason text,
    due_at bigint,
    ask_at bigint,
    waiting_since bigint,
    finished_at bigint,
    call_id text,
    call_version bigint,
    quarantine_version bigint,
    quarantine_until bigint,
    called_at bigint,
    confirmed_at bigint,
    rest text NOT NULL
  );
  CREATE INDEX outbox_due ON outbox (lane, due_at, seq) WHERE due_at IS NOT NULL AND call_id IS NULL;
  CREATE INDEX outbox_nameless ON outbox (lane, ask_at) WHERE ask_at IS NOT NULL;
  CREATE INDEX outbox_calls ON outbox (lane) WHERE call_id IS NOT NULL;
  CREATE INDEX outbox_quarantine ON outbox (lane) WHERE quarantine_until IS NOT NULL;
  -- For the operator's filters, in the order of arrival.
  CREATE INDEX outbox_state ON outbox (state, seq, channel, reason, confirmed_at, called_at, finished_at);
  CREATE INDEX outbox_chat ON outbox (chat, seq);
  CREATE INDEX outbox_message ON outbox (message, seq);
  CREATE INDEX outbox_refused ON outbox (refused_reason, seq, state, reason, channel) WHERE refused_reason IS NOT NULL;
  -- Holds all that counting confirmations needs.
  CREATE INDEX outbox_finished ON outbox (finished_at, lane, state, confirmed_at, called_at) WHERE finished_at IS NOT NULL;

  -- A row for each process, because processes that share a row would wait for each other. The sum of all rows is the ledger.
  CREATE TABLE ledger (
    replica text PRIMARY KEY,
    accepted bigint NOT NULL,
    superseded bigint NOT NULL,
    delivered bigint NOT NULL,
    dead bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE portals (
    portal text PRIMARY KEY,
    seq integer GENERATED ALWAYS AS IDENTITY,
    epoch bigint NOT NULL DEFAULT 0,
    leader text,
    lease_until timestamptz,
    record text
  );

  CREATE TABLE profiles (
    id text COLLATE "C" PRIMARY KEY,
    at bigint NOT NULL,
    tie bigint NOT NULL,
    profile text NOT NULL,
    seen_at bigint NOT NULL
  );
  CREATE INDEX profiles_seen ON profiles (seen_at);

  CREATE TABLE activity (
    outcome text COLLATE "C",
    channel text COLLATE "C",
    hour bigint,
    count bigint NOT NULL,
    last_at bigint NOT NULL,
    detail text,
    PRIMARY KEY (outcome, channel, hour)
  );
  CREATE INDEX activity_hours ON activity (hour);

  CREATE TABLE heartbeat (one integer PRIMARY KEY CHECK (one = 1), at bigint NOT NULL);

CREATE TABLE schema_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL);
INSERT INTO activity OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::activity, '[{"outcome":"unreadable","channel":"default","hour":0,"count":3,"last_at":2000,"detail":"faulty: /data/chat"}]');
INSERT INTO heartbeat OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::heartbeat, '[{"one":1,"at":1764000000000}]');
INSERT INTO lanes OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::lanes, '[{"id":1,"portal":"409e4307-02b0-497d-a19b-2b6c0816821a","connector":"relay_demo","line":1,"channel":"default"}]');
INSERT INTO ledger OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::ledger, '[{"replica":"db2945f6-21d2-4d21-9a0f-e48cc2fca80c","accepted":8,"superseded":1,"delivered":2,"dead":2,"written_at":"2026-11-28T14:31:02.641959+00:00"}]');
INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::outbox,  E'[{"id":"26rYNhmajofQICpSGT04PnnS","seq":1,"lane":1,"channel":"default","chat":"c1","message":"delivered","version":1,"state":"delivered","reason":null,"refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":null,"finished_at":2500,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"HZrLWob116vgKl8ZGCpBXX\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"delivered\\",\\"text\\":\\"Delivered: ы, 💧\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[\\"files-omitted\\"]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"Wyr24kIEtwgdTaVp\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":\\"585\\",\\"calls\\":[{\\"callId\\":\\"call-delivered\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"ok\\",\\"words\\":null}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"9007199254740993\\"},\\"refused\\":null}"}, 
 {"id":"yOfj3F-bZkJTLpDL61gJwqOj","seq":2,"lane":1,"channel":"default","chat":"c1","message":"confirmed","version":1,"state":"delivered","reason":null,"refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":null,"finished_at":2500,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":2600,"rest":"{\\"seen\\":[\\"YHjvgoX2WiunlC5DBVwwio\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"confirmed\\",\\"text\\":\\"Confirmed\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"_gC2e23RFD84NVMR\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[{\\"callId\\":\\"call-confirmed\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"ok\\",\\"words\\":null}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"nLmdhmn6DwMYXOhzX6-oUJid","seq":3,"lane":1,"channel":"default","chat":"c1","message":"dead","version":1,"state":"dead","reason":"rejected","refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":null,"finished_at":2500,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"DZE2SGwBbaIsE6uPe9-ePq\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"dead\\",\\"text\\":\\"Dead\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":\\"no\\",\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"7JsQpKecTopKI75u\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[{\\"callId\\":\\"call-dead\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"rejected\\",\\"words\\":\\"no\\"}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"KywxsD_wgavHTOLR6kZqudax","seq":4,"lane":1,"channel":"default","chat":"c1","message":"quarantined","version":1,"state":"pending","reason":null,"refused_reason":null,"due_at":100000,"ask_at":null,"waiting_since":1000,"finished_at":null,"call_id":null,"call_version":null,"quarantine_version":1,"quarantine_until":72500,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"7AS-h2Jp2UNbRtl2tLhkyg\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"quarantined\\",\\"text\\":\\"Quarantined\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":1,\\"suspicions\\":1,\\"suspectedAt\\":2500,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"uxMuB-Dz_RNXprr2\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[{\\"callId\\":\\"call-lost\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"ok\\",\\"words\\":null}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"kIUwf9ZqQr1k4uiQOOnbQeIU","seq":5,"lane":1,"channel":"default","chat":"c1","message":"called","version":1,"state":"pending","reason":null,"refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":1000,"finished_at":null,"call_id":"call-open","call_version":1,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"nlCEvfyCp8-XIoUcIhOBtU\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"called\\",\\"text\\":\\"Called\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":0,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"O7j68wcVsBy34Pt8\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"Brri6hiqa00DFGBD-VABk2LI","seq":6,"lane":1,"channel":"default","chat":"c1","message":"refused","version":0,"state":"dead","reason":"empty-text","refused_reason":"empty-text","due_at":null,"ask_at":null,"waiting_since":null,"finished_at":1000,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":null,"confirmed_at":null,"rest":"{\\"seen\\":[],\\"edit\\":null,\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":0,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[],\\"revision\\":null,\\"refused\\":{\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"reason\\":\\"empty-text\\",\\"seen\\":[\\"qlWYxnDH-cmrhZTZQjkNrZ\\"]}}"}, 
 {"id":"31nUgbBKaIDFd0SmllfIgW2x","seq":7,"lane":1,"channel":"default","chat":"c1","message":"pending","version":2,"state":"pending","reason":null,"refused_reason":null,"due_at":1000,"ask_at":null,"waiting_since":1000,"finished_at":null,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":null,"confirmed_at":null,"rest":"{\\"seen\\":[\\"Ao7PbzUXwRC4QQo1BcxMZB\\",\\"y-CRVYb5knFLEFhHMdguAK\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"pending\\",\\"text\\":\\"Pending, and changed within one second\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":0,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}]');
INSERT INTO portals OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::portals,  E'[{"portal":"409e4307-02b0-497d-a19b-2b6c0816821a","seq":1,"epoch":1795876262490,"leader":"frozen","lease_until":"2026-11-28T14:31:12.490301+00:00","record":"{\\"memberId\\":\\"member\\",\\"clientId\\":\\"local.relay\\",\\"applicationToken\\":\\"application\\",\\"address\\":\\"https://example.bitrix24.ru\\",\\"formerAddresses\\":[\\"https://former.bitrix24.ru\\"],\\"oauthUrl\\":null,\\"tokens\\":{\\"accessToken\\":\\"access\\",\\"refreshToken\\":\\"refresh\\",\\"accessExpiresAt\\":9000},\\"tokensVersion\\":1,\\"importedToken\\":null,\\"beforeImport\\":null,\\"refusedConfig\\":null,\\"refreshStartedAt\\":null,\\"refreshTries\\":0,\\"eventKey\\":\\"key\\",\\"installs\\":0,\\"eventBinding\\":{\\"publicUrl\\":\\"https://relay.example.com\\",\\"boundAt\\":1500},\\"lastEventAt\\":2600,\\"parked\\":null,\\"parkedLines\\":[],\\"bucket\\":{\\"level\\":3,\\"at\\":4000},\\"restsUntil\\":null,\\"clockRightAt\\":0,\\"clockWrongAt\\":0}"}]');
INSERT INTO profiles OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::profiles,  E'[{"id":"CAm66SkxT37KRIzdy17011pv","at":5,"tie":9007199254740993,"profile":"{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"}","seen_at":1000}]');
INSERT INTO schema_version OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::schema_version, '[{"one":1,"version":1}]');
SELECT setval('outbox_seq', 7);
