CREATE TABLE dev_keys (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	project_id VARCHAR(36) NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	secret_hash VARCHAR(64) NOT NULL,
	secret TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	accessed_at BIGINT DEFAULT '0' NOT NULL,
	sdks JSON DEFAULT '[]' NOT NULL,
	CONSTRAINT pk_dev_keys PRIMARY KEY (sequence),
	CONSTRAINT uq_dev_keys_project_id_id UNIQUE (project_id, id),
	CONSTRAINT fk_dev_keys_project_id FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE,
	CONSTRAINT uq_dev_keys_secret_hash UNIQUE (secret_hash)
);
CREATE TABLE instance_revision (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT instance_revision_pkc PRIMARY KEY (version_num)
);
CREATE TABLE keys (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	type VARCHAR(16) DEFAULT 'standard' NOT NULL,
	project_id VARCHAR(36),
	team_id TEXT DEFAULT '' NOT NULL,
	user_id TEXT DEFAULT '' NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	secret_hash VARCHAR(64) NOT NULL,
	scopes JSON DEFAULT '[]' NOT NULL,
	expires_at BIGINT DEFAULT '0' NOT NULL,
	accessed_at BIGINT DEFAULT '0' NOT NULL,
	sdks JSON DEFAULT '[]' NOT NULL,
	CONSTRAINT pk_keys PRIMARY KEY (sequence),
	CONSTRAINT uq_keys_project_id_team_id_user_id_id UNIQUE (project_id, team_id, user_id, id),
	CONSTRAINT fk_keys_project_id FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE,
	CONSTRAINT uq_keys_secret_hash UNIQUE (secret_hash)
);
CREATE TABLE pending_events (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	project_id VARCHAR(36) NOT NULL,
	epoch VARCHAR(16) NOT NULL,
	event TEXT NOT NULL,
	CONSTRAINT fk_pending_events_project_id FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE platforms (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	project_id VARCHAR(36) NOT NULL,
	type VARCHAR(32) NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	hostname TEXT DEFAULT '' NOT NULL,
	"key" TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_platforms PRIMARY KEY (sequence),
	CONSTRAINT uq_platforms_project_id_id UNIQUE (project_id, id),
	CONSTRAINT fk_platforms_project_id FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE projects (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	team_id TEXT DEFAULT '' NOT NULL,
	region TEXT DEFAULT 'default' NOT NULL,
	status TEXT DEFAULT 'active' NOT NULL,
	settings JSON DEFAULT '{}' NOT NULL,
	labels JSON DEFAULT '[]' NOT NULL,
	ping_count INTEGER DEFAULT '0' NOT NULL,
	pinged_at BIGINT DEFAULT '0' NOT NULL,
	console_accessed_at BIGINT DEFAULT '0' NOT NULL,
	onboarding JSON DEFAULT '{}' NOT NULL,
	search TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_projects PRIMARY KEY (sequence),
	CONSTRAINT uq_projects_id UNIQUE (id)
);
CREATE TABLE rules (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	project_id VARCHAR(36) NOT NULL,
	domain VARCHAR(253) NOT NULL,
	type VARCHAR(16) NOT NULL,
	"trigger" TEXT DEFAULT 'manual' NOT NULL,
	deployment_id TEXT DEFAULT '' NOT NULL,
	deployment_resource_type TEXT DEFAULT '' NOT NULL,
	deployment_resource_id TEXT DEFAULT '' NOT NULL,
	deployment_vcs_provider_branch TEXT DEFAULT '' NOT NULL,
	status VARCHAR(16) DEFAULT 'unverified' NOT NULL,
	logs TEXT DEFAULT '' NOT NULL,
	redirect_url TEXT DEFAULT '' NOT NULL,
	redirect_status_code INTEGER DEFAULT '301' NOT NULL,
	CONSTRAINT pk_rules PRIMARY KEY (sequence),
	CONSTRAINT uq_rules_id UNIQUE (id),
	CONSTRAINT fk_rules_project_id FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE,
	CONSTRAINT uq_rules_domain UNIQUE (domain)
);
CREATE INDEX ix_dev_keys_project_id ON dev_keys (project_id);
CREATE INDEX ix_keys_project_id ON keys (project_id);
CREATE INDEX ix_keys_team_id ON keys (team_id);
CREATE INDEX ix_keys_user_id ON keys (user_id);
CREATE INDEX ix_pending_events_project_id ON pending_events (project_id);
CREATE INDEX ix_platforms_project_id ON platforms (project_id);
CREATE INDEX ix_projects_team_id ON projects (team_id);
CREATE INDEX ix_rules_project_id ON rules (project_id);
