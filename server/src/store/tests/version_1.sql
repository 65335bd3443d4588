-- A database of version 1, with a row in each table.
CREATE TABLE profiles (app INTEGER, user TEXT, nick TEXT NOT NULL, avatar TEXT NOT NULL,
    PRIMARY KEY (app, user)) STRICT, WITHOUT ROWID;
CREATE TABLE threads (app INTEGER, thread TEXT, last_seq INTEGER NOT NULL, shown_seq INTEGER NOT NULL,
    shown_ms INTEGER NOT NULL, PRIMARY KEY (app, thread)) STRICT, WITHOUT ROWID;
CREATE TABLE messages (app INTEGER, thread TEXT, seq INTEGER, id TEXT NOT NULL, sender TEXT NOT NULL,
    client_id TEXT, time_ms INTEGER NOT NULL, counted INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (app, thread, seq)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (app, id);
CREATE UNIQUE INDEX messages_by_client_id ON messages (app, sender, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX messages_by_time ON messages (app, time_ms);
CREATE TABLE marks (app INTEGER, user TEXT, peer TEXT, read_seq INTEGER NOT NULL, listed INTEGER NOT NULL,
    shown_ms INTEGER NOT NULL, PRIMARY KEY (app, user, peer)) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_time ON marks (app, user, shown_ms) WHERE listed = 1;
CREATE TABLE groups (app INTEGER, id TEXT, kind TEXT NOT NULL, name TEXT NOT NULL, avatar TEXT NOT NULL,
    introduction TEXT NOT NULL, notification TEXT NOT NULL, owner TEXT NOT NULL, created_ms INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, member_count INTEGER NOT NULL, PRIMARY KEY (app, id)) STRICT, WITHOUT ROWID;
CREATE TABLE members (app INTEGER, grp TEXT, user TEXT, owner INTEGER NOT NULL, joined_ms INTEGER NOT NULL,
    from_seq INTEGER NOT NULL, read_seq INTEGER NOT NULL, hidden_seq INTEGER NOT NULL,
    PRIMARY KEY (app, grp, user)) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (app, user, grp);
CREATE INDEX members_by_time ON members (app, grp, joined_ms, user);
CREATE TABLE attributes (app INTEGER, grp TEXT, key TEXT, value TEXT NOT NULL,
    PRIMARY KEY (app, grp, key)) STRICT, WITHOUT ROWID;
CREATE TABLE invitations (app INTEGER, invite TEXT, invitee TEXT, inviter TEXT NOT NULL, message TEXT NOT NULL,
    until_ms INTEGER NOT NULL, PRIMARY KEY (app, invite, invitee)) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_invitee ON invitations (app, invitee, until_ms);
CREATE TABLE records (app INTEGER, call TEXT, ended_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (app, call)) STRICT, WITHOUT ROWID;
CREATE INDEX records_by_time ON records (app, ended_ms);
CREATE TABLE record_users (app INTEGER, user TEXT, ended_ms INTEGER, call TEXT,
    PRIMARY KEY (app, user, ended_ms, call)) STRICT, WITHOUT ROWID;
CREATE TABLE saved (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO profiles VALUES (1, 'amy', 'Amy', '');
INSERT INTO threads VALUES (1, 'c2c:amy:ben', 1, 1, 1001);
INSERT INTO messages VALUES (1, 'c2c:amy:ben', 1, 'm1', 'amy', 'c1', 1001, 1,
    '{"id":"m1","from":"amy","to":{"user":"ben"},"kind":"text","payload":{"text":"hi"},"seq":1,"timeMs":1001,"clientId":"c1"}');
INSERT INTO marks VALUES (1, 'ben', 'amy', 0, 1, 1001);
INSERT INTO groups VALUES (1, 'team', 'Public', 'Team', '', '', '', 'amy', 3, 1, 1);
INSERT INTO members VALUES (1, 'team', 'amy', 1, 3, 1, 0, 0);
INSERT INTO attributes VALUES (1, 'team', 'k', 'v');
INSERT INTO invitations VALUES (1, 'i1', 'ben', 'amy', 'm1', 31000);
INSERT INTO records VALUES (1, 'x', 5,
    '{"call":"x","room":7,"group":null,"media":"video","caller":"amy","callees":["ben"],"result":"NormalEnd","startedMs":1,"acceptedMs":2,"endedMs":5}');
INSERT INTO record_users VALUES (1, 'amy', 5, 'x'), (1, 'ben', 5, 'x');
INSERT INTO saved VALUES ('seats', '9');
PRAGMA user_version = 1;
