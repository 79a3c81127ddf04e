-- Users get an id of their own, and API tokens policies, bounds and an owner that may be a user.

ALTER TABLE users ADD COLUMN id TEXT COLLATE "C";
UPDATE users SET id = replace(gen_random_uuid()::text, '-', '');
ALTER TABLE users ALTER COLUMN id SET NOT NULL;
ALTER TABLE users ALTER COLUMN key_hash DROP NOT NULL;
ALTER TABLE users DROP CONSTRAINT users_pkey;
ALTER TABLE users ADD PRIMARY KEY (id);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);

-- A token belongs to an account, to a user, or, the operator's, to both. policies and addresses are JSON.
ALTER TABLE api_tokens
    ALTER COLUMN account_id DROP NOT NULL,
    ADD COLUMN user_id TEXT COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
    ADD COLUMN is_operator BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN disabled BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN policies TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    ADD COLUMN addresses TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    ADD COLUMN not_before BIGINT,
    ADD COLUMN expires_at BIGINT,
    ADD COLUMN modified_at BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN last_used_at BIGINT,
    DROP CONSTRAINT api_tokens_account_id_fkey,
    ADD CONSTRAINT api_tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    ADD CHECK (account_id IS NOT NULL OR user_id IS NOT NULL);
-- Until now the only token was the operator's. The next start gives it a user and its policies.
UPDATE api_tokens SET modified_at = created_at, is_operator = name = 'bootstrap';
CREATE INDEX api_tokens_by_account ON api_tokens (account_id, created_at DESC, id) WHERE account_id IS NOT NULL;
CREATE INDEX api_tokens_by_user ON api_tokens (user_id, created_at DESC, id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX api_tokens_operator ON api_tokens (is_operator) WHERE is_operator;

ALTER TABLE accounts ADD COLUMN modified_at BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET modified_at = created_at;
CREATE INDEX accounts_by_name ON accounts (name, id);

-- A paused zone keeps its records, and none of them is served.
ALTER TABLE zones ADD COLUMN paused BOOLEAN NOT NULL DEFAULT FALSE, ADD COLUMN modified_at BIGINT NOT NULL DEFAULT 0;
UPDATE zones SET modified_at = created_at;

-- settings: JSON.
ALTER TABLE dns_records
    ADD COLUMN settings TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    ADD COLUMN comment_modified_at BIGINT,
    ADD COLUMN tags_modified_at BIGINT;
UPDATE dns_records SET comment_modified_at = modified_at WHERE comment <> '';

-- A tag is name:value, or a name alone.
CREATE TABLE dns_record_tags (
    record_id TEXT COLLATE "C" NOT NULL REFERENCES dns_records (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    PRIMARY KEY (record_id, position)
);

-- What an object was before and after, as JSON, and in whose name it was changed.
ALTER TABLE audit_log
    ADD COLUMN email TEXT COLLATE "C",
    ADD COLUMN before TEXT COLLATE "C",
    ADD COLUMN after TEXT COLLATE "C";
CREATE INDEX audit_log_of_account ON audit_log (account_id, at DESC, id DESC) WHERE account_id IS NOT NULL;
