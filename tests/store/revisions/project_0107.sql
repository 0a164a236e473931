CREATE TABLE audit_log (
	sequence INTEGER NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	event TEXT NOT NULL,
	time BIGINT NOT NULL,
	ip TEXT DEFAULT '' NOT NULL,
	user_agent TEXT DEFAULT '' NOT NULL,
	os_code TEXT DEFAULT '' NOT NULL,
	os_name TEXT DEFAULT '' NOT NULL,
	os_version TEXT DEFAULT '' NOT NULL,
	client_type TEXT DEFAULT '' NOT NULL,
	client_code TEXT DEFAULT '' NOT NULL,
	client_name TEXT DEFAULT '' NOT NULL,
	client_version TEXT DEFAULT '' NOT NULL,
	client_engine TEXT DEFAULT '' NOT NULL,
	client_engine_version TEXT DEFAULT '' NOT NULL,
	device_name TEXT DEFAULT '' NOT NULL,
	device_brand TEXT DEFAULT '' NOT NULL,
	device_model TEXT DEFAULT '' NOT NULL,
	country_code TEXT DEFAULT '' NOT NULL,
	country_name TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_audit_log PRIMARY KEY (sequence)
);
CREATE TABLE authenticators (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	type VARCHAR(16) NOT NULL,
	verified BOOLEAN DEFAULT 0 NOT NULL,
	secret TEXT NOT NULL,
	last_step INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_authenticators PRIMARY KEY (sequence),
	CONSTRAINT uq_authenticators_user_id_type UNIQUE (user_id, type),
	CONSTRAINT uq_authenticators_id UNIQUE (id),
	CONSTRAINT fk_authenticators_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE buckets (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	name VARCHAR(128) NOT NULL,
	file_security BOOLEAN DEFAULT 0 NOT NULL,
	enabled BOOLEAN DEFAULT 1 NOT NULL,
	maximum_file_size BIGINT NOT NULL,
	allowed_file_extensions JSON DEFAULT '[]' NOT NULL,
	compression TEXT DEFAULT 'none' NOT NULL,
	encryption BOOLEAN DEFAULT 1 NOT NULL,
	antivirus BOOLEAN DEFAULT 1 NOT NULL,
	transformations BOOLEAN DEFAULT 1 NOT NULL,
	total_size BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_buckets PRIMARY KEY (sequence),
	CONSTRAINT uq_buckets_id UNIQUE (id)
);
CREATE TABLE challenges (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	session_id TEXT DEFAULT '' NOT NULL,
	type VARCHAR(16) NOT NULL,
	code TEXT DEFAULT '' NOT NULL,
	expires_at BIGINT NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_challenges PRIMARY KEY (sequence),
	CONSTRAINT uq_challenges_id UNIQUE (id),
	CONSTRAINT fk_challenges_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE channel_rules (
	sequence INTEGER NOT NULL,
	id VARCHAR(128) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	read JSON DEFAULT '[]' NOT NULL,
	publish JSON DEFAULT '[]' NOT NULL,
	history BOOLEAN DEFAULT 0 NOT NULL,
	presence BOOLEAN DEFAULT 0 NOT NULL,
	rate INTEGER DEFAULT '0' NOT NULL,
	publisher_rate INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_channel_rules PRIMARY KEY (sequence),
	CONSTRAINT uq_channel_rules_id UNIQUE (id)
);
CREATE TABLE databases (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	type VARCHAR(16) NOT NULL,
	name VARCHAR(128) NOT NULL,
	enabled BOOLEAN DEFAULT 1 NOT NULL,
	CONSTRAINT uq_databases_id UNIQUE (id)
);
CREATE TABLE deployment_parts (
	deployment_sequence INTEGER NOT NULL,
	number INTEGER NOT NULL,
	"key" VARCHAR(128) NOT NULL,
	size BIGINT NOT NULL,
	md5 VARCHAR(32) NOT NULL,
	CONSTRAINT pk_deployment_parts PRIMARY KEY (deployment_sequence, number),
	CONSTRAINT fk_deployment_parts_deployment_sequence FOREIGN KEY(deployment_sequence) REFERENCES deployments (sequence) ON DELETE CASCADE,
	CONSTRAINT uq_deployment_parts_key UNIQUE ("key")
)
 WITHOUT ROWID;
CREATE TABLE deployments (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	function_sequence INTEGER NOT NULL,
	type TEXT DEFAULT '' NOT NULL,
	status TEXT DEFAULT 'waiting' NOT NULL,
	entrypoint TEXT DEFAULT '' NOT NULL,
	commands TEXT DEFAULT '' NOT NULL,
	activate BOOLEAN DEFAULT 0 NOT NULL,
	source_size BIGINT DEFAULT '0' NOT NULL,
	chunks_total INTEGER DEFAULT '1' NOT NULL,
	chunks_uploaded INTEGER DEFAULT '0' NOT NULL,
	output_key VARCHAR(128) DEFAULT '' NOT NULL,
	build_size BIGINT DEFAULT '0' NOT NULL,
	total_size BIGINT DEFAULT '0' NOT NULL,
	build_logs TEXT DEFAULT '' NOT NULL,
	build_started_at BIGINT DEFAULT '0' NOT NULL,
	build_duration INTEGER DEFAULT '0' NOT NULL,
	build_attempts INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_deployments PRIMARY KEY (sequence),
	CONSTRAINT uq_deployments_id UNIQUE (id),
	CONSTRAINT fk_deployments_function_sequence FOREIGN KEY(function_sequence) REFERENCES functions (sequence) ON DELETE CASCADE
);
CREATE TABLE dropped_tables (
	table_sequence INTEGER NOT NULL,
	CONSTRAINT pk_dropped_tables PRIMARY KEY (table_sequence)
);
CREATE TABLE email_templates (
	sequence INTEGER NOT NULL,
	template_id VARCHAR(32) NOT NULL,
	locale VARCHAR(16) NOT NULL,
	subject TEXT DEFAULT '' NOT NULL,
	message TEXT DEFAULT '' NOT NULL,
	sender_name TEXT DEFAULT '' NOT NULL,
	sender_email TEXT DEFAULT '' NOT NULL,
	reply_to_email TEXT DEFAULT '' NOT NULL,
	reply_to_name TEXT DEFAULT '' NOT NULL,
	size INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_email_templates PRIMARY KEY (sequence),
	CONSTRAINT uq_email_templates_template_id_locale UNIQUE (template_id, locale)
);
CREATE TABLE event_log (
	"offset" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	timestamp BIGINT NOT NULL,
	pattern TEXT NOT NULL,
	parameters TEXT NOT NULL,
	database_type VARCHAR(16) NOT NULL,
	channels TEXT NOT NULL,
	roles TEXT NOT NULL,
	payload BLOB NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	permissions_changed BOOLEAN NOT NULL,
	audience VARCHAR(36) NOT NULL,
	actor_id VARCHAR(36) DEFAULT '' NOT NULL,
	size INTEGER NOT NULL,
	cumulative_size BIGINT NOT NULL
);
CREATE TABLE event_secrets (
	sequence INTEGER NOT NULL,
	"offset" INTEGER NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	sealed TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_event_secrets PRIMARY KEY (sequence),
	CONSTRAINT uq_event_secrets_offset UNIQUE ("offset")
);
CREATE TABLE execution_jobs (
	execution_sequence INTEGER NOT NULL,
	due_at BIGINT DEFAULT '0' NOT NULL,
	begun BOOLEAN DEFAULT 0 NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	request TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_execution_jobs PRIMARY KEY (execution_sequence),
	CONSTRAINT fk_execution_jobs_execution_sequence FOREIGN KEY(execution_sequence) REFERENCES executions (sequence) ON DELETE CASCADE
);
CREATE TABLE executions (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	function_sequence INTEGER NOT NULL,
	deployment_id VARCHAR(36) DEFAULT '' NOT NULL,
	user_id VARCHAR(36) DEFAULT '' NOT NULL,
	"trigger" TEXT DEFAULT '' NOT NULL,
	status TEXT DEFAULT '' NOT NULL,
	request_method TEXT DEFAULT '' NOT NULL,
	request_path TEXT DEFAULT '' NOT NULL,
	request_headers JSON DEFAULT '[]' NOT NULL,
	response_status_code INTEGER DEFAULT '0' NOT NULL,
	response_headers JSON DEFAULT '[]' NOT NULL,
	logs TEXT DEFAULT '' NOT NULL,
	errors TEXT DEFAULT '' NOT NULL,
	duration FLOAT DEFAULT '0' NOT NULL,
	scheduled_at BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_executions PRIMARY KEY (sequence),
	CONSTRAINT uq_executions_id UNIQUE (id),
	CONSTRAINT fk_executions_function_sequence FOREIGN KEY(function_sequence) REFERENCES functions (sequence) ON DELETE CASCADE
);
CREATE TABLE file_parts (
	file_sequence INTEGER NOT NULL,
	position INTEGER NOT NULL,
	"key" VARCHAR(128) NOT NULL,
	size BIGINT NOT NULL,
	stored_size BIGINT DEFAULT '0' NOT NULL,
	compression TEXT DEFAULT 'none' NOT NULL,
	sealed_key TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_file_parts PRIMARY KEY (file_sequence, position),
	CONSTRAINT fk_file_parts_file_sequence FOREIGN KEY(file_sequence) REFERENCES files (sequence) ON DELETE CASCADE,
	CONSTRAINT uq_file_parts_key UNIQUE ("key")
)
 WITHOUT ROWID;
CREATE TABLE file_tokens (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	file_sequence INTEGER NOT NULL,
	expires_at BIGINT DEFAULT '0' NOT NULL,
	accessed_at BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_file_tokens PRIMARY KEY (sequence),
	CONSTRAINT uq_file_tokens_id UNIQUE (id),
	CONSTRAINT fk_file_tokens_file_sequence FOREIGN KEY(file_sequence) REFERENCES files (sequence) ON DELETE CASCADE
);
CREATE TABLE files (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	bucket_sequence INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	folder TEXT DEFAULT '' NOT NULL,
	signature VARCHAR(32) NOT NULL,
	mime_type TEXT DEFAULT '' NOT NULL,
	size BIGINT NOT NULL,
	chunks_total INTEGER DEFAULT '1' NOT NULL,
	uploader TEXT DEFAULT '' NOT NULL,
	encryption BOOLEAN DEFAULT 0 NOT NULL,
	compression TEXT DEFAULT 'none' NOT NULL,
	size_actual BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_files PRIMARY KEY (sequence),
	CONSTRAINT uq_files_bucket_sequence_id UNIQUE (bucket_sequence, id),
	CONSTRAINT fk_files_bucket_sequence FOREIGN KEY(bucket_sequence) REFERENCES buckets (sequence) ON DELETE CASCADE
);
CREATE TABLE functions (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	execute JSON DEFAULT '[]' NOT NULL,
	enabled BOOLEAN DEFAULT 1 NOT NULL,
	live BOOLEAN DEFAULT 1 NOT NULL,
	logging BOOLEAN DEFAULT 1 NOT NULL,
	runtime TEXT DEFAULT '' NOT NULL,
	deployment_retention INTEGER DEFAULT '0' NOT NULL,
	deployment_id VARCHAR(36) DEFAULT '' NOT NULL,
	deployment_created_at BIGINT DEFAULT '0' NOT NULL,
	latest_deployment_id VARCHAR(36) DEFAULT '' NOT NULL,
	latest_deployment_created_at BIGINT DEFAULT '0' NOT NULL,
	latest_deployment_status TEXT DEFAULT '' NOT NULL,
	scopes JSON DEFAULT '[]' NOT NULL,
	events JSON DEFAULT '[]' NOT NULL,
	schedule TEXT DEFAULT '' NOT NULL,
	schedule_next_at BIGINT DEFAULT '0' NOT NULL,
	schedule_previous_at BIGINT DEFAULT '0' NOT NULL,
	timeout INTEGER DEFAULT '15' NOT NULL,
	entrypoint TEXT DEFAULT '' NOT NULL,
	commands TEXT DEFAULT '' NOT NULL,
	version TEXT DEFAULT 'v5' NOT NULL,
	build_specification TEXT DEFAULT '' NOT NULL,
	runtime_specification TEXT DEFAULT '' NOT NULL,
	installation_id TEXT DEFAULT '' NOT NULL,
	provider_branch TEXT DEFAULT '' NOT NULL,
	provider_root_directory TEXT DEFAULT '' NOT NULL,
	provider_silent_mode BOOLEAN DEFAULT 0 NOT NULL,
	provider_branches JSON DEFAULT '[]' NOT NULL,
	provider_paths JSON DEFAULT '[]' NOT NULL,
	position INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_functions PRIMARY KEY (sequence),
	CONSTRAINT uq_functions_id UNIQUE (id)
);
CREATE TABLE memberships (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	team_id VARCHAR(36) NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	roles JSON DEFAULT '[]' NOT NULL,
	invited_at BIGINT DEFAULT '0' NOT NULL,
	invited_address TEXT DEFAULT '' NOT NULL,
	joined_at BIGINT DEFAULT '0' NOT NULL,
	confirmed BOOLEAN DEFAULT 0 NOT NULL,
	secret_hash TEXT DEFAULT '' NOT NULL,
	search TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_memberships PRIMARY KEY (sequence),
	CONSTRAINT uq_memberships_team_id_user_id UNIQUE (team_id, user_id),
	CONSTRAINT uq_memberships_id UNIQUE (id),
	CONSTRAINT fk_memberships_team_id FOREIGN KEY(team_id) REFERENCES teams (id) ON DELETE CASCADE,
	CONSTRAINT fk_memberships_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE message_deliveries (
	message_sequence INTEGER NOT NULL,
	due_at BIGINT DEFAULT '0' NOT NULL,
	begun BOOLEAN DEFAULT 0 NOT NULL,
	served_at BIGINT DEFAULT '0' NOT NULL,
	failed_total INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_message_deliveries PRIMARY KEY (message_sequence),
	CONSTRAINT fk_message_deliveries_message_sequence FOREIGN KEY(message_sequence) REFERENCES messages (sequence) ON DELETE CASCADE
);
CREATE TABLE message_recipients (
	message_sequence INTEGER NOT NULL,
	target_sequence INTEGER NOT NULL,
	due_at BIGINT DEFAULT '0' NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	sending BOOLEAN DEFAULT 0 NOT NULL,
	CONSTRAINT pk_message_recipients PRIMARY KEY (message_sequence, target_sequence),
	CONSTRAINT fk_message_recipients_message_sequence FOREIGN KEY(message_sequence) REFERENCES message_deliveries (message_sequence) ON DELETE CASCADE,
	CONSTRAINT fk_message_recipients_target_sequence FOREIGN KEY(target_sequence) REFERENCES targets (sequence) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE messages (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	provider_type VARCHAR(16) NOT NULL,
	status TEXT DEFAULT '' NOT NULL,
	topics JSON DEFAULT '[]' NOT NULL,
	users JSON DEFAULT '[]' NOT NULL,
	targets JSON DEFAULT '[]' NOT NULL,
	data JSON DEFAULT '{}' NOT NULL,
	scheduled_at BIGINT DEFAULT '0' NOT NULL,
	delivered_at BIGINT DEFAULT '0' NOT NULL,
	delivered_total INTEGER DEFAULT '0' NOT NULL,
	delivery_errors JSON DEFAULT '[]' NOT NULL,
	search TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_messages PRIMARY KEY (sequence),
	CONSTRAINT uq_messages_id UNIQUE (id)
);
CREATE TABLE notifications (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	message_id VARCHAR(36) NOT NULL,
	project_id VARCHAR(36) NOT NULL,
	type TEXT DEFAULT '' NOT NULL,
	channel TEXT DEFAULT 'console' NOT NULL,
	resource_type TEXT DEFAULT 'users' NOT NULL,
	parent_resource_type TEXT DEFAULT 'projects' NOT NULL,
	parent_resource_id TEXT DEFAULT '' NOT NULL,
	title TEXT DEFAULT '' NOT NULL,
	body TEXT DEFAULT '' NOT NULL,
	read BOOLEAN DEFAULT 0 NOT NULL,
	first_seen_at BIGINT DEFAULT '0' NOT NULL,
	last_seen_at BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_notifications PRIMARY KEY (sequence),
	CONSTRAINT uq_notifications_id UNIQUE (id),
	CONSTRAINT fk_notifications_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE oauth2_attempts (
	sequence INTEGER NOT NULL,
	state_hash VARCHAR(64) NOT NULL,
	sealed TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_oauth2_attempts PRIMARY KEY (sequence),
	CONSTRAINT uq_oauth2_attempts_state_hash UNIQUE (state_hash)
);
CREATE TABLE object_deletions (
	sequence INTEGER NOT NULL,
	"key" VARCHAR(128) NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_object_deletions PRIMARY KEY (sequence)
);
CREATE TABLE outgoing_messages (
	sequence INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	channel VARCHAR(8) NOT NULL,
	recipient TEXT NOT NULL,
	recipient_name TEXT DEFAULT '' NOT NULL,
	subject TEXT DEFAULT '' NOT NULL,
	html TEXT DEFAULT '' NOT NULL,
	text TEXT DEFAULT '' NOT NULL,
	sender JSON DEFAULT '{}' NOT NULL,
	state VARCHAR(8) DEFAULT 'waiting' NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	next_attempt_at BIGINT DEFAULT '0' NOT NULL,
	last_error TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_outgoing_messages PRIMARY KEY (sequence)
);
CREATE TABLE permissions (
	resource_type VARCHAR(16) NOT NULL,
	resource INTEGER NOT NULL,
	action VARCHAR(16) NOT NULL,
	role VARCHAR(255) NOT NULL,
	CONSTRAINT pk_permissions PRIMARY KEY (resource_type, resource, action, role)
)
 WITHOUT ROWID;
CREATE TABLE presence_connections (
	presence_sequence INTEGER NOT NULL,
	process VARCHAR(36) NOT NULL,
	connection INTEGER NOT NULL,
	CONSTRAINT pk_presence_connections PRIMARY KEY (presence_sequence, process, connection),
	CONSTRAINT fk_presence_connections_presence_sequence FOREIGN KEY(presence_sequence) REFERENCES presences (sequence) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE presences (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	user_internal_id TEXT NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	status TEXT NOT NULL,
	source TEXT DEFAULT '' NOT NULL,
	expires_at BIGINT NOT NULL,
	metadata JSON DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_presences PRIMARY KEY (sequence),
	CONSTRAINT uq_presences_id UNIQUE (id),
	CONSTRAINT uq_presences_user_id UNIQUE (user_id),
	CONSTRAINT fk_presences_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE project_revision (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT project_revision_pkc PRIMARY KEY (version_num)
);
CREATE TABLE providers (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	provider VARCHAR(32) NOT NULL,
	type VARCHAR(16) NOT NULL,
	enabled BOOLEAN DEFAULT 1 NOT NULL,
	credentials TEXT DEFAULT '' NOT NULL,
	options JSON DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_providers PRIMARY KEY (sequence),
	CONSTRAINT uq_providers_id UNIQUE (id)
);
CREATE TABLE realtime_positions (
	subject VARCHAR(40) NOT NULL,
	id VARCHAR(36) NOT NULL,
	process VARCHAR(36) NOT NULL,
	connection INTEGER DEFAULT '0' NOT NULL,
	wants VARCHAR(32) NOT NULL,
	epoch VARCHAR(16) NOT NULL,
	position INTEGER NOT NULL,
	exact BOOLEAN DEFAULT 0 NOT NULL,
	lost_at BIGINT DEFAULT '0' NOT NULL,
	page BOOLEAN DEFAULT 0 NOT NULL,
	away BOOLEAN DEFAULT 0 NOT NULL,
	CONSTRAINT pk_realtime_positions PRIMARY KEY (subject, id)
)
 WITHOUT ROWID;
CREATE TABLE realtime_processes (
	process VARCHAR(36) NOT NULL,
	position INTEGER NOT NULL,
	pages INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_realtime_processes PRIMARY KEY (process)
)
 WITHOUT ROWID;
CREATE TABLE relationships (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	parent_table INTEGER NOT NULL,
	child_table INTEGER NOT NULL,
	parent_key VARCHAR(36) NOT NULL,
	child_key VARCHAR(36) NOT NULL,
	type VARCHAR(16) NOT NULL,
	on_delete VARCHAR(16) NOT NULL,
	two_way BOOLEAN DEFAULT 0 NOT NULL,
	status VARCHAR(10) NOT NULL,
	progress INTEGER DEFAULT '0' NOT NULL
);
CREATE TABLE sent_messages (
	sequence INTEGER NOT NULL,
	channel VARCHAR(128) NOT NULL,
	publisher VARCHAR(44) NOT NULL,
	"key" VARCHAR(64) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	message_id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	"offset" INTEGER NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_sent_messages PRIMARY KEY (sequence),
	CONSTRAINT uq_sent_messages_channel_publisher_key UNIQUE (channel, publisher, "key")
);
CREATE TABLE sessions (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	secret_hash VARCHAR(64) NOT NULL,
	expires_at BIGINT NOT NULL,
	provider TEXT DEFAULT '' NOT NULL,
	provider_uid TEXT DEFAULT '' NOT NULL,
	provider_access_token TEXT DEFAULT '' NOT NULL,
	provider_access_token_expires_at BIGINT DEFAULT '0' NOT NULL,
	provider_refresh_token TEXT DEFAULT '' NOT NULL,
	ip TEXT DEFAULT '' NOT NULL,
	user_agent TEXT DEFAULT '' NOT NULL,
	os_code TEXT DEFAULT '' NOT NULL,
	os_name TEXT DEFAULT '' NOT NULL,
	os_version TEXT DEFAULT '' NOT NULL,
	client_type TEXT DEFAULT '' NOT NULL,
	client_code TEXT DEFAULT '' NOT NULL,
	client_name TEXT DEFAULT '' NOT NULL,
	client_version TEXT DEFAULT '' NOT NULL,
	client_engine TEXT DEFAULT '' NOT NULL,
	client_engine_version TEXT DEFAULT '' NOT NULL,
	device_name TEXT DEFAULT '' NOT NULL,
	device_brand TEXT DEFAULT '' NOT NULL,
	device_model TEXT DEFAULT '' NOT NULL,
	country_code TEXT DEFAULT '' NOT NULL,
	country_name TEXT DEFAULT '' NOT NULL,
	factors JSON DEFAULT '[]' NOT NULL,
	mfa_updated_at BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_sessions PRIMARY KEY (sequence),
	CONSTRAINT uq_sessions_id UNIQUE (id),
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE state (
	name VARCHAR(64) NOT NULL,
	value TEXT NOT NULL,
	CONSTRAINT pk_state PRIMARY KEY (name)
)
 WITHOUT ROWID;
CREATE TABLE subscribers (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	topic_id VARCHAR(36) NOT NULL,
	target_id VARCHAR(36) NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	provider_type VARCHAR(16) NOT NULL,
	CONSTRAINT pk_subscribers PRIMARY KEY (sequence),
	CONSTRAINT uq_subscribers_topic_id_target_id UNIQUE (topic_id, target_id),
	CONSTRAINT uq_subscribers_id UNIQUE (id),
	CONSTRAINT fk_subscribers_topic_id FOREIGN KEY(topic_id) REFERENCES topics (id) ON DELETE CASCADE,
	CONSTRAINT fk_subscribers_target_id FOREIGN KEY(target_id) REFERENCES targets (id) ON DELETE CASCADE
);
CREATE TABLE targets (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	session_id VARCHAR(36),
	name TEXT DEFAULT '' NOT NULL,
	provider_id VARCHAR(36),
	provider_type VARCHAR(16) NOT NULL,
	identifier TEXT NOT NULL,
	expired BOOLEAN DEFAULT 0 NOT NULL,
	CONSTRAINT pk_targets PRIMARY KEY (sequence),
	CONSTRAINT uq_targets_id UNIQUE (id),
	CONSTRAINT fk_targets_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
	CONSTRAINT fk_targets_session_id FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE SET NULL,
	CONSTRAINT uq_targets_identifier UNIQUE (identifier)
);
CREATE TABLE teams (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	total INTEGER DEFAULT '0' NOT NULL,
	prefs JSON DEFAULT '{}' NOT NULL,
	search TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_teams PRIMARY KEY (sequence),
	CONSTRAINT uq_teams_id UNIQUE (id)
);
CREATE TABLE tokens (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	type VARCHAR(32) NOT NULL,
	secret_hash VARCHAR(64) NOT NULL,
	expires_at BIGINT NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	ip TEXT DEFAULT '' NOT NULL,
	user_agent TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_tokens PRIMARY KEY (sequence),
	CONSTRAINT uq_tokens_id UNIQUE (id),
	CONSTRAINT fk_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE topics (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	subscribe JSON DEFAULT '[]' NOT NULL,
	email_total INTEGER DEFAULT '0' NOT NULL,
	sms_total INTEGER DEFAULT '0' NOT NULL,
	push_total INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_topics PRIMARY KEY (sequence),
	CONSTRAINT uq_topics_id UNIQUE (id)
);
CREATE TABLE transaction_operations (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	transaction_sequence INTEGER NOT NULL,
	stager_kind VARCHAR(8) NOT NULL,
	stager_id VARCHAR(36) NOT NULL,
	action VARCHAR(16) NOT NULL,
	arguments TEXT NOT NULL,
	CONSTRAINT fk_transaction_operations_transaction_sequence FOREIGN KEY(transaction_sequence) REFERENCES transactions (sequence) ON DELETE CASCADE
);
CREATE TABLE transaction_rows (
	transaction_sequence INTEGER NOT NULL,
	database_id VARCHAR(36) NOT NULL,
	table_id VARCHAR(36) NOT NULL,
	row_id VARCHAR(36) NOT NULL,
	fingerprint VARCHAR(64) NOT NULL,
	written BOOLEAN DEFAULT 0 NOT NULL,
	CONSTRAINT pk_transaction_rows PRIMARY KEY (transaction_sequence, database_id, table_id, row_id),
	CONSTRAINT fk_transaction_rows_transaction_sequence FOREIGN KEY(transaction_sequence) REFERENCES transactions (sequence) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE transactions (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	kind VARCHAR(16) NOT NULL,
	owner_id VARCHAR(36) NOT NULL,
	status VARCHAR(16) NOT NULL,
	operations INTEGER DEFAULT '0' NOT NULL,
	size BIGINT DEFAULT '0' NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT uq_transactions_id UNIQUE (id)
);
CREATE TABLE upload_parts (
	upload_sequence INTEGER NOT NULL,
	number INTEGER NOT NULL,
	"key" VARCHAR(128) NOT NULL,
	size BIGINT NOT NULL,
	md5 VARCHAR(32) NOT NULL,
	stored_size BIGINT DEFAULT '0' NOT NULL,
	compression TEXT DEFAULT 'none' NOT NULL,
	sealed_key TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_upload_parts PRIMARY KEY (upload_sequence, number),
	CONSTRAINT fk_upload_parts_upload_sequence FOREIGN KEY(upload_sequence) REFERENCES uploads (sequence) ON DELETE CASCADE,
	CONSTRAINT uq_upload_parts_key UNIQUE ("key")
)
 WITHOUT ROWID;
CREATE TABLE uploads (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	bucket_sequence INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	uploader TEXT DEFAULT '' NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	folder TEXT DEFAULT '' NOT NULL,
	mime_type TEXT DEFAULT '' NOT NULL,
	size BIGINT NOT NULL,
	chunks_total INTEGER NOT NULL,
	chunks_uploaded INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_uploads PRIMARY KEY (sequence),
	CONSTRAINT uq_uploads_bucket_sequence_id UNIQUE (bucket_sequence, id),
	CONSTRAINT fk_uploads_bucket_sequence FOREIGN KEY(bucket_sequence) REFERENCES buckets (sequence) ON DELETE CASCADE
);
CREATE TABLE user_columns (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	table_sequence INTEGER NOT NULL,
	"key" VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	kind VARCHAR(16) NOT NULL,
	type VARCHAR(16) NOT NULL,
	status VARCHAR(10) NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	required BOOLEAN DEFAULT 0 NOT NULL,
	array BOOLEAN DEFAULT 0 NOT NULL,
	size BIGINT DEFAULT '0' NOT NULL,
	options JSON DEFAULT '{}' NOT NULL,
	progress INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT uq_user_columns_table_sequence_key UNIQUE (table_sequence, "key"),
	CONSTRAINT fk_user_columns_table_sequence FOREIGN KEY(table_sequence) REFERENCES user_tables (sequence) ON DELETE CASCADE
);
CREATE TABLE user_identities (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	user_id VARCHAR(36) NOT NULL,
	provider VARCHAR(64) NOT NULL,
	provider_uid TEXT DEFAULT '' NOT NULL,
	provider_email TEXT DEFAULT '' NOT NULL,
	access_token TEXT DEFAULT '' NOT NULL,
	access_token_expires_at BIGINT DEFAULT '0' NOT NULL,
	refresh_token TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_user_identities PRIMARY KEY (sequence),
	CONSTRAINT uq_user_identities_provider_provider_uid UNIQUE (provider, provider_uid),
	CONSTRAINT uq_user_identities_id UNIQUE (id),
	CONSTRAINT fk_user_identities_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE user_indexes (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	table_sequence INTEGER NOT NULL,
	"key" VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	type VARCHAR(16) NOT NULL,
	status VARCHAR(10) NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	columns JSON DEFAULT '[]' NOT NULL,
	lengths JSON DEFAULT '[]' NOT NULL,
	orders JSON DEFAULT '[]' NOT NULL,
	progress INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT uq_user_indexes_table_sequence_key UNIQUE (table_sequence, "key"),
	CONSTRAINT fk_user_indexes_table_sequence FOREIGN KEY(table_sequence) REFERENCES user_tables (sequence) ON DELETE CASCADE
);
CREATE TABLE user_tables (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	database_sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	version VARCHAR(36) NOT NULL,
	permissions JSON DEFAULT '[]' NOT NULL,
	name VARCHAR(128) NOT NULL,
	enabled BOOLEAN DEFAULT 1 NOT NULL,
	row_security BOOLEAN DEFAULT 0 NOT NULL,
	CONSTRAINT uq_user_tables_database_sequence_id UNIQUE (database_sequence, id),
	CONSTRAINT fk_user_tables_database_sequence FOREIGN KEY(database_sequence) REFERENCES databases (sequence) ON DELETE CASCADE
);
CREATE TABLE users (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	email VARCHAR(320),
	phone VARCHAR(16),
	password_hash TEXT,
	hash TEXT DEFAULT '' NOT NULL,
	hash_options JSON DEFAULT '{}' NOT NULL,
	password_history JSON DEFAULT '[]' NOT NULL,
	password_updated_at BIGINT DEFAULT '0' NOT NULL,
	email_verification BOOLEAN DEFAULT 0 NOT NULL,
	phone_verification BOOLEAN DEFAULT 0 NOT NULL,
	email_canonical VARCHAR(320),
	email_is_free BOOLEAN,
	email_is_disposable BOOLEAN,
	email_is_corporate BOOLEAN,
	email_is_canonical BOOLEAN,
	status BOOLEAN DEFAULT 1 NOT NULL,
	mfa BOOLEAN DEFAULT 0 NOT NULL,
	labels JSON DEFAULT '[]' NOT NULL,
	prefs JSON DEFAULT '{}' NOT NULL,
	registered_at BIGINT DEFAULT '0' NOT NULL,
	accessed_at BIGINT DEFAULT '0' NOT NULL,
	impersonator BOOLEAN DEFAULT 0 NOT NULL,
	mfa_recovery_codes JSON DEFAULT '[]' NOT NULL,
	search TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_users PRIMARY KEY (sequence),
	CONSTRAINT uq_users_id UNIQUE (id),
	CONSTRAINT uq_users_email UNIQUE (email),
	CONSTRAINT uq_users_phone UNIQUE (phone)
);
CREATE TABLE variables (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	resource_type VARCHAR(16) NOT NULL,
	resource_id VARCHAR(36) DEFAULT '' NOT NULL,
	"key" TEXT DEFAULT '' NOT NULL,
	value TEXT DEFAULT '' NOT NULL,
	secret BOOLEAN DEFAULT 1 NOT NULL,
	CONSTRAINT pk_variables PRIMARY KEY (sequence),
	CONSTRAINT uq_variables_resource_type_resource_id_key UNIQUE (resource_type, resource_id, "key"),
	CONSTRAINT uq_variables_id UNIQUE (id)
);
CREATE TABLE webhooks (
	sequence INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	url TEXT NOT NULL,
	events JSON DEFAULT '[]' NOT NULL,
	tls BOOLEAN DEFAULT 1 NOT NULL,
	auth_username TEXT DEFAULT '' NOT NULL,
	auth_password TEXT DEFAULT '' NOT NULL,
	secret TEXT DEFAULT '' NOT NULL,
	enabled BOOLEAN DEFAULT 1 NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	logs TEXT DEFAULT '' NOT NULL,
	position INTEGER DEFAULT '0' NOT NULL,
	failures INTEGER DEFAULT '0' NOT NULL,
	next_attempt_at BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_webhooks PRIMARY KEY (sequence),
	CONSTRAINT uq_webhooks_id UNIQUE (id)
);
CREATE INDEX ix_audit_log_time ON audit_log (time);
CREATE INDEX ix_audit_log_user_id_time ON audit_log (user_id, time);
CREATE INDEX ix_challenges_expires_at ON challenges (expires_at);
CREATE INDEX ix_challenges_user_id ON challenges (user_id);
CREATE INDEX ix_deployments_function_sequence ON deployments (function_sequence);
CREATE INDEX ix_deployments_output_key ON deployments (output_key);
CREATE INDEX ix_deployments_status ON deployments (status);
CREATE INDEX ix_execution_jobs_begun_due_at ON execution_jobs (begun, due_at);
CREATE INDEX ix_executions_created_at ON executions (created_at);
CREATE INDEX ix_executions_function_sequence_user_id ON executions (function_sequence, user_id);
CREATE INDEX ix_file_tokens_expires_at ON file_tokens (expires_at);
CREATE INDEX ix_file_tokens_file_sequence ON file_tokens (file_sequence);
CREATE INDEX ix_files_bucket_sequence ON files (bucket_sequence);
CREATE INDEX ix_functions_schedule_next_at ON functions (schedule_next_at);
CREATE INDEX ix_memberships_user_id ON memberships (user_id);
CREATE INDEX ix_message_deliveries_begun_due_at ON message_deliveries (begun, due_at);
CREATE INDEX ix_message_recipients_message_sequence_sending_due_at ON message_recipients (message_sequence, sending, due_at);
CREATE INDEX ix_message_recipients_sending_due_at ON message_recipients (sending, due_at);
CREATE INDEX ix_message_recipients_target_sequence ON message_recipients (target_sequence);
CREATE INDEX ix_notifications_created_at ON notifications (created_at);
CREATE INDEX ix_notifications_project_id ON notifications (project_id);
CREATE INDEX ix_notifications_user_id ON notifications (user_id);
CREATE INDEX ix_oauth2_attempts_expires_at ON oauth2_attempts (expires_at);
CREATE INDEX ix_object_deletions_key ON object_deletions ("key");
CREATE INDEX ix_outgoing_messages_state_next_attempt_at ON outgoing_messages (state, next_attempt_at);
CREATE INDEX ix_permissions_role_resource_type_action_resource ON permissions (role, resource_type, action, resource);
CREATE INDEX ix_presences_expires_at ON presences (expires_at);
CREATE INDEX ix_realtime_positions_lost_at ON realtime_positions (lost_at);
CREATE INDEX ix_realtime_positions_process ON realtime_positions (process);
CREATE TRIGGER realtime_positions_deleted AFTER DELETE ON realtime_positions BEGIN UPDATE state SET value = value - 1 WHERE name = 'realtime_positions.count'; END;
CREATE TRIGGER realtime_positions_inserted AFTER INSERT ON realtime_positions BEGIN INSERT INTO state (name, value) VALUES ('realtime_positions.count', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1; END;
CREATE INDEX ix_relationships_child_table ON relationships (child_table);
CREATE INDEX ix_relationships_parent_table ON relationships (parent_table);
CREATE INDEX ix_relationships_status ON relationships (status);
CREATE INDEX ix_sent_messages_expires_at ON sent_messages (expires_at);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_sessions_user_id_secret_hash ON sessions (user_id, secret_hash);
CREATE INDEX ix_subscribers_target_id ON subscribers (target_id);
CREATE INDEX ix_targets_session_id ON targets (session_id);
CREATE INDEX ix_targets_user_id ON targets (user_id);
CREATE INDEX ix_tokens_expires_at ON tokens (expires_at);
CREATE INDEX ix_tokens_user_id_type ON tokens (user_id, type);
CREATE INDEX ix_transaction_operations_transaction_sequence ON transaction_operations (transaction_sequence);
CREATE INDEX ix_transactions_expires_at ON transactions (expires_at);
CREATE INDEX ix_transactions_owner_id ON transactions (owner_id);
CREATE INDEX ix_uploads_updated_at ON uploads (updated_at);
CREATE INDEX ix_user_columns_status ON user_columns (status);
CREATE INDEX ix_user_identities_user_id ON user_identities (user_id);
CREATE INDEX ix_user_indexes_status ON user_indexes (status);
