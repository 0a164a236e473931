"""The error every part of Tidewire raises for its users, and the table of its types."""

from __future__ import annotations

from typing import Final

_TYPES_BY_CODE: Final = {
    400: """
        general_mock general_argument_invalid general_attribute_query_limit_exceeded
        general_column_query_limit_exceeded general_query_invalid general_cursor_not_found
        general_invalid_email general_invalid_phone general_bad_request general_feature_unsupported
        user_count_exceeded user_email_not_found user_email_disposable user_email_free
        user_email_not_canonical user_email_not_corporate user_password_mismatch password_recently_used
        password_personal_data user_phone_not_found user_missing_id user_oauth2_bad_request
        user_email_not_verified user_phone_not_verified user_deletion_prohibited
        membership_deletion_prohibited membership_downgrade_prohibited avatar_svg_sanitization_failed
        storage_device_not_found storage_file_empty storage_file_type_unsupported
        storage_image_resolution_exceeded storage_invalid_file_size storage_invalid_content_range
        storage_invalid_appwrite_id token_resource_type_invalid general_provider_failure
        function_runtime_not_detected build_not_ready build_in_progress build_already_completed
        build_canceled build_failed deployment_invalid_file_size execution_in_progress
        database_query_order_null collection_limit_exceeded table_limit_exceeded document_invalid_structure
        document_missing_data document_missing_payload row_invalid_structure row_missing_data
        row_missing_payload attribute_unknown attribute_not_available attribute_format_unsupported
        attribute_default_unsupported attribute_limit_exceeded attribute_value_invalid
        attribute_type_invalid attribute_invalid_resize ATTRIBUTE_TYPE_NOT_SUPPORTED
        relationship_value_invalid column_unknown column_not_available column_format_unsupported
        column_default_unsupported column_limit_exceeded column_value_invalid column_type_invalid
        column_invalid_resize COLUMN_TYPE_NOT_SUPPORTED index_limit_exceeded index_invalid
        column_index_limit_exceeded column_index_invalid transaction_invalid transaction_failed
        transaction_limit_exceeded transaction_not_ready project_provider_unsupported
        project_invalid_success_url project_invalid_failure_url project_reserved_project
        rule_verification_failed project_smtp_config_invalid project_region_unsupported
        platform_method_unsupported variable_cannot_unset_secret graphql_no_query graphql_too_many_queries
        migration_database_type_unsupported migration_source_project_id_required
        migration_source_type_invalid migration_destination_type_invalid migration_provider_error
        provider_incorrect_type provider_missing_credentials message_missing_target message_already_sent
        message_already_processing message_already_failed message_already_scheduled message_target_not_email
        message_target_not_sms message_target_not_push message_missing_schedule target_provider_invalid_type
        mock_number_limit_exceeded channel_limit_exceeded
    """,
    401: """
        general_access_forbidden general_unauthorized_scope user_jwt_invalid user_invalid_token
        user_email_not_whitelisted user_invalid_code user_ip_not_whitelisted user_invalid_credentials
        user_anonymous_console_prohibited user_session_already_exists user_unauthorized
        user_more_factors_required user_challenge_required user_oauth2_unauthorized api_key_expired
        team_invalid_secret team_invite_mismatch token_expired function_execute_permission_missing
        project_key_expired account_key_expired project_template_default_deletion
    """,
    403: """
        general_resource_blocked general_unknown_origin general_api_disabled general_service_disabled
        user_blocked user_api_key_and_session_set user_jwt_and_cookie_set user_jwt_creation_denied
        storage_invalid_file storage_file_not_public storage_bucket_transformations_disabled
        document_delete_restricted row_delete_restricted key_creation_denied user_id_missing
        organization_id_missing project_id_missing
    """,
    404: """
        general_route_not_found user_not_found user_session_not_found user_identity_not_found
        user_authenticator_not_found user_recovery_codes_not_found user_target_not_found team_not_found
        team_invite_not_found team_membership_mismatch membership_not_found avatar_set_not_found
        avatar_not_found avatar_image_not_found avatar_remote_url_failed avatar_icon_not_found
        storage_file_not_found storage_bucket_not_found token_not_found installation_not_found
        provider_repository_not_found repository_not_found function_not_found function_runtime_unsupported
        function_entrypoint_missing function_template_not_found site_not_found site_template_not_found
        build_not_found deployment_not_found execution_not_found log_not_found presence_not_found
        database_not_found collection_not_found table_not_found document_not_found row_not_found
        attribute_not_found column_not_found index_not_found column_index_not_found transaction_not_found
        project_not_found router_host_not_found rule_resource_not_found rule_not_found webhook_not_found
        key_not_found platform_not_found variable_not_found migration_not_found
        migration_source_project_not_found health_certificate_expired health_invalid_host provider_not_found
        topic_not_found subscriber_not_found message_not_found schedule_not_found mock_number_not_found
        insight_not_found report_not_found channel_not_found
    """,
    405: "graphql_method_unsupported",
    408: "function_synchronous_timeout function_asynchronous_timeout build_timeout database_timeout",
    409: """
        general_resource_locked user_already_exists user_email_already_exists user_phone_already_exists
        user_recovery_codes_already_exists user_authenticator_already_verified user_email_already_verified
        user_phone_already_verified user_target_already_exists team_already_exists resource_already_exists
        membership_already_confirmed storage_file_already_exists storage_bucket_already_exists
        provider_contribution_conflict function_already_exists site_already_exists presence_already_exists
        database_already_exists collection_already_exists table_already_exists document_already_exists
        document_unique_constraint_violation document_update_conflict row_already_exists
        row_unique_constraint_violation row_update_conflict attribute_already_exists column_already_exists
        index_already_exists index_dependency column_index_already_exists column_index_dependency
        transaction_already_exists transaction_conflict project_already_exists rule_already_exists
        webhook_already_exists key_already_exists platform_already_exists variable_already_exists
        migration_already_exists migration_in_progress provider_already_exists topic_already_exists
        subscriber_already_exists message_already_exists mock_number_already_exists insight_already_exists
        report_already_exists channel_already_exists channel_message_conflict
    """,
    410: "transaction_expired dev_key_gone",
    412: "user_password_reset_required project_provider_disabled",
    413: "general_content_too_large",
    416: "storage_invalid_range",
    424: "user_oauth2_provider_error user_oauth2_provider_failure",
    426: "general_protocol_unsupported",
    429: "general_rate_limit_exceeded",
    451: "general_region_access_denied",
    500: "general_unknown general_server_error general_codes_disabled router_domain_not_configured",
    501: """
        general_not_implemented general_usage_disabled user_console_count_exceeded
        user_auth_method_unsupported
    """,
    503: """
        general_smtp_disabled general_phone_disabled general_server_busy health_queue_size_exceeded
        project_database_unavailable
    """,
    507: "general_disk_full",
    1003: "realtime_message_format_invalid",
    1008: "realtime_policy_violation",
    1013: "realtime_too_many_messages",
}

ERROR_CODES: Final = {name: code for code, names in _TYPES_BY_CODE.items() for name in names.split()}
"""Error type to its code: the HTTP status, or for ``realtime_*`` the number in an error frame."""

SHOWN_STATUSES: Final = frozenset(
    {400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 416, 422, 429, 451, 501, 503, 507}
)
"""HTTP statuses shown to clients as they are; any other becomes 500 with a generic message.

The reference shows all of these but 413 and 507; its HTTP server answers 413 by itself.
"""


class TidewireError(Exception):
    """A failure that is told to the user.

    ``type`` is one of :data:`ERROR_CODES` and is what programs rely on; ``message`` says what was
    wrong and what to do about it; ``code`` follows from the type.
    """

    def __init__(self, type: str, message: str, *, limit: str = "") -> None:  # noqa: A002 - the word on the wire
        super().__init__(message)
        self.type = type
        self.message = message
        self.code = ERROR_CODES[type]
        self.limit = limit
        """What kind of limit was reached, where the type does not tell; empty: none, or it does."""
