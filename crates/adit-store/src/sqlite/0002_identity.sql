-- Users get an id of their own, and API tokens policies, bounds and an owner that may be a user.

CREATE TABLE users_with_id (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    key_hash BLOB,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO users_with_id (id, email, key_hash, created_at)
    SELECT lower(hex(randomblob(16))), email, key_hash, created_at FROM users;
DROP TABLE users;
ALTER TABLE users_with_id RENAME TO users;

-- A token belongs to an account, to a user, or, the operator's, to both. policies and addresses are JSON.
CREATE TABLE api_tokens_with_policies (
    id TEXT PRIMARY KEY,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    is_operator INTEGER NOT NULL,
    name TEXT NOT NULL,
    hash_prefix INTEGER NOT NULL,
    value_hash BLOB NOT NULL UNIQUE,
    disabled INTEGER NOT NULL,
    policies TEXT NOT NULL,
    addresses TEXT NOT NULL,
    not_before INTEGER,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    last_used_at INTEGER,
    CHECK (account_id IS NOT NULL OR user_id IS NOT NULL)
) STRICT;
-- Until now the only token was the operator's. The next start gives it a user and its policies.
INSERT INTO api_tokens_with_policies
    (id, account_id, is_operator, name, hash_prefix, value_hash, disabled, policies, addresses, created_at, modified_at)
    SELECT id, account_id, name = 'bootstrap', name, hash_prefix, value_hash, 0, '[]', '{}', created_at, created_at
    FROM api_tokens;
DROP TABLE api_tokens;
ALTER TABLE api_tokens_with_policies RENAME TO api_tokens;
CREATE INDEX api_tokens_by_prefix ON api_tokens (hash_prefix);
CREATE INDEX api_tokens_by_account ON api_tokens (account_id, created_at DESC, id) WHERE account_id IS NOT NULL;
CREATE INDEX api_tokens_by_user ON api_tokens (user_id, created_at DESC, id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX api_tokens_operator ON api_tokens (is_operator) WHERE is_operator = 1;

ALTER TABLE accounts ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET modified_at = created_at;
CREATE INDEX accounts_by_name ON accounts (name, id);

-- A paused zone keeps its records, and none of them is served.
ALTER TABLE zones ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE zones ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE zones SET modified_at = created_at;

-- settings: JSON.
ALTER TABLE dns_records ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE dns_records ADD COLUMN comment_modified_at INTEGER;
ALTER TABLE dns_records ADD COLUMN tags_modified_at INTEGER;
UPDATE dns_records SET comment_modified_at = modified_at WHERE comment <> '';

-- A tag is name:value, or a name alone.
CREATE TABLE dns_record_tags (
    record_id TEXT NOT NULL REFERENCES dns_records (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (record_id, position)
) STRICT;

-- What an object was before and after, as JSON, and in whose name it was changed.
ALTER TABLE audit_log ADD COLUMN email TEXT;
ALTER TABLE audit_log ADD COLUMN before TEXT;
ALTER TABLE audit_log ADD COLUMN after TEXT;
CREATE INDEX audit_log_of_account ON audit_log (account_id, at DESC, id DESC) WHERE account_id IS NOT NULL;
