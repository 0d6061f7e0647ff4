
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
    -- Grows with each write. A write checks by it that the row has not changed since it was read.
    stamp bigint NOT NULL,
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

  CREATE TABLE heartbeat (one integer PRIMARY KEY CHECK (one = 1), at bigint NOT NULL);

CREATE TABLE schema_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL);
INSERT INTO heartbeat OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::heartbeat, '[{"one":1,"at":1764000000000}]');
INSERT INTO lanes OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::lanes, '[{"id":1,"portal":"74caecd4-26ff-4548-ae71-3132b83220a3","connector":"relay_demo","line":1,"channel":"default"}]');
INSERT INTO ledger OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::ledger, '[{"replica":"6b787957-188e-4841-9424-3b574117a23f","accepted":8,"superseded":1,"delivered":2,"dead":2,"written_at":"2026-11-28T12:02:27.479091+00:00"}]');
INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::outbox,  E'[{"id":"O3a1V4VZrwgIzTUIZLOaCwBW","seq":1,"stamp":3,"lane":1,"channel":"default","chat":"c1","message":"delivered","version":1,"state":"delivered","reason":null,"refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":null,"finished_at":2500,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"HZrLWob116vgKl8ZGCpBXX\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"delivered\\",\\"text\\":\\"Delivered: ы, 💧\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[\\"files-omitted\\"]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"Wyr24kIEtwgdTaVp\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":\\"585\\",\\"calls\\":[{\\"callId\\":\\"call-delivered\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"ok\\",\\"words\\":null}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"9007199254740993\\"},\\"refused\\":null}"}, 
 {"id":"eiMdX17b_rG2CGPJBltaalWN","seq":4,"stamp":4,"lane":1,"channel":"default","chat":"c1","message":"confirmed","version":1,"state":"delivered","reason":null,"refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":null,"finished_at":2500,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":2600,"rest":"{\\"seen\\":[\\"YHjvgoX2WiunlC5DBVwwio\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"confirmed\\",\\"text\\":\\"Confirmed\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"_gC2e23RFD84NVMR\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[{\\"callId\\":\\"call-confirmed\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"ok\\",\\"words\\":null}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"Wdno8GrOp3E0OrFkUriu6xBN","seq":8,"stamp":3,"lane":1,"channel":"default","chat":"c1","message":"dead","version":1,"state":"dead","reason":"rejected","refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":null,"finished_at":2500,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"DZE2SGwBbaIsE6uPe9-ePq\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"dead\\",\\"text\\":\\"Dead\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":\\"no\\",\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"7JsQpKecTopKI75u\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[{\\"callId\\":\\"call-dead\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"rejected\\",\\"words\\":\\"no\\"}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"HxI275kdKuetjY9g6p0N-Thd","seq":11,"stamp":3,"lane":1,"channel":"default","chat":"c1","message":"quarantined","version":1,"state":"pending","reason":null,"refused_reason":null,"due_at":100000,"ask_at":null,"waiting_since":1000,"finished_at":null,"call_id":null,"call_version":null,"quarantine_version":1,"quarantine_until":72500,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"7AS-h2Jp2UNbRtl2tLhkyg\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"quarantined\\",\\"text\\":\\"Quarantined\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":1,\\"chunkLimit\\":1,\\"suspicions\\":1,\\"suspectedAt\\":2500,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"uxMuB-Dz_RNXprr2\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[{\\"callId\\":\\"call-lost\\",\\"at\\":2000,\\"durationMs\\":120,\\"code\\":\\"ok\\",\\"words\\":null}],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"1AE9pKVP3iGJctqzsvfHYg1m","seq":14,"stamp":2,"lane":1,"channel":"default","chat":"c1","message":"called","version":1,"state":"pending","reason":null,"refused_reason":null,"due_at":null,"ask_at":null,"waiting_since":1000,"finished_at":null,"call_id":"call-open","call_version":1,"quarantine_version":null,"quarantine_until":null,"called_at":2000,"confirmed_at":null,"rest":"{\\"seen\\":[\\"nlCEvfyCp8-XIoUcIhOBtU\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"called\\",\\"text\\":\\"Called\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":0,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[{\\"version\\":1,\\"digest\\":\\"O7j68wcVsBy34Pt8\\",\\"calledAt\\":2000}],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}, 
 {"id":"l01Ve6iK7FYEBQ1sqa4AFlyU","seq":16,"stamp":1,"lane":1,"channel":"default","chat":"c1","message":"refused","version":0,"state":"dead","reason":"empty-text","refused_reason":"empty-text","due_at":null,"ask_at":null,"waiting_since":null,"finished_at":1000,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":null,"confirmed_at":null,"rest":"{\\"seen\\":[],\\"edit\\":null,\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":0,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[],\\"revision\\":null,\\"refused\\":{\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"reason\\":\\"empty-text\\",\\"seen\\":[\\"qlWYxnDH-cmrhZTZQjkNrZ\\"]}}"}, 
 {"id":"2_vk7ylBB7t4ik748Nur92iD","seq":17,"stamp":2,"lane":1,"channel":"default","chat":"c1","message":"pending","version":2,"state":"pending","reason":null,"refused_reason":null,"due_at":1000,"ask_at":null,"waiting_since":1000,"finished_at":null,"call_id":null,"call_version":null,"quarantine_version":null,"quarantine_until":null,"called_at":null,"confirmed_at":null,"rest":"{\\"seen\\":[\\"Ao7PbzUXwRC4QQo1BcxMZB\\",\\"y-CRVYb5knFLEFhHMdguAK\\"],\\"edit\\":{\\"user\\":{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"},\\"message\\":{\\"id\\":\\"pending\\",\\"text\\":\\"Pending, and changed within one second\\",\\"files\\":[]},\\"chat\\":{\\"id\\":\\"c1\\"},\\"allowAnonymous\\":false},\\"words\\":null,\\"acceptedAt\\":1000,\\"history\\":{\\"attempts\\":0,\\"chunkLimit\\":50,\\"suspicions\\":0,\\"suspectedAt\\":null,\\"unknownUserRepeats\\":0,\\"flags\\":[]},\\"overtaken\\":false,\\"texts\\":[],\\"textDiffers\\":false,\\"portalUser\\":null,\\"calls\\":[],\\"revision\\":{\\"at\\":5,\\"tie\\":\\"0\\"},\\"refused\\":null}"}]');
INSERT INTO portals OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::portals,  E'[{"portal":"74caecd4-26ff-4548-ae71-3132b83220a3","seq":1,"epoch":1795867347373,"leader":"frozen","lease_until":"2026-11-28T12:02:37.372593+00:00","record":"{\\"memberId\\":\\"member\\",\\"clientId\\":\\"local.relay\\",\\"applicationToken\\":\\"application\\",\\"address\\":\\"https://example.bitrix24.ru\\",\\"formerAddresses\\":[\\"https://former.bitrix24.ru\\"],\\"oauthUrl\\":null,\\"tokens\\":{\\"accessToken\\":\\"access\\",\\"refreshToken\\":\\"refresh\\",\\"accessExpiresAt\\":9000},\\"tokensVersion\\":1,\\"importedToken\\":null,\\"beforeImport\\":null,\\"refusedConfig\\":null,\\"refreshStartedAt\\":null,\\"refreshTries\\":0,\\"eventKey\\":\\"key\\",\\"installs\\":0,\\"eventBinding\\":{\\"publicUrl\\":\\"https://relay.example.com\\",\\"boundAt\\":1500},\\"lastEventAt\\":2600,\\"parked\\":null,\\"parkedLines\\":[],\\"bucket\\":{\\"level\\":3,\\"at\\":4000},\\"restsUntil\\":null,\\"clockRightAt\\":0,\\"clockWrongAt\\":0}"}]');
INSERT INTO profiles OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::profiles,  E'[{"id":"vRHD5gxQ6Xk--QGR0koEZI6U","at":5,"tie":9007199254740993,"profile":"{\\"id\\":\\"u1\\",\\"name\\":\\"Anna\\"}","seen_at":1000}]');
INSERT INTO schema_version OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::schema_version, '[{"one":1,"version":1}]');
SELECT setval('outbox_seq', 18);
