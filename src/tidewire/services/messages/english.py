"""All messages in English."""

from __future__ import annotations

from typing import Final

from tidewire.services.messages.wording import Wording

GREETING: Final = "Hello {{user}},"
GREETING_NOBODY: Final = "Hello,"
SIGNATURE: Final = "{{project}}"
LINK_FALLBACK: Final = "If the button does not work, copy this address into your browser:"
PHRASE: Final = "Security phrase: {{phrase}}. Go on only if you saw the same when you asked for this mail."

VERIFICATION: Final = Wording(
    subject="Account Verification for {{project}}",
    before=("Please confirm that this is your email address.",),
    button="Verify email address",
    after=("If you did not ask for this, you can ignore this mail: nothing changes.",),
)
RECOVERY: Final = Wording(
    subject="Password Reset for {{project}}",
    before=(
        "Somebody, we hope you, asked to set a new password for your account.",
        "Reset your {{project}} password using the link.",
    ),
    button="Set a new password",
    after=(
        "The link works once, for one hour.",
        "If it was not you, you can ignore this mail: your password stays as it is.",
    ),
)
MAGIC_URL: Final = Wording(
    subject="{{project}} Login",
    before=("Use the button below to sign in to {{project}}.",),
    button="Sign in to {{project}}",
    after=(
        "The link works once, for one hour.",
        "If you did not ask for it, you can ignore this mail; do not pass the link on.",
    ),
)
OTP: Final = Wording(
    subject="OTP for {{project}} Login",
    before=("Enter this code to sign in to {{project}}.",),
    after=(
        "The code works once, for 15 minutes. It was asked for from {{client}}, address {{ip}}.",
        "If that was not you, ignore this mail and tell the code to nobody.",
    ),
)
MFA_CODE: Final = Wording(
    subject="Verification Code for {{project}}",
    before=("Enter this code to confirm that it is you.",),
    after=(
        "The code works once, for 15 minutes.",
        "If you did not try to sign in, somebody may know your password: change it.",
    ),
)
INVITATION: Final = Wording(
    subject="Invitation to {{team}} Team at {{project}}",
    before=("{{inviter}} invites you to become a member of the team {{team}} at {{project}}.",),
    button="Join {{team}}",
    after=("If you do not want to join, you can ignore this mail.",),
)
INVITER_UNKNOWN: Final = "Somebody"
SESSION_ALERT: Final = Wording(
    subject="Security alert: new session on your {{project}} account",
    before=(
        "There was a new sign-in to your account:",
        "Time: {{time}}",
        "Device: {{client}}",
        "Address: {{ip}}",
        "Country: {{country}}",
    ),
    after=(
        "If it was you, there is nothing to do.",
        "If it was not you, change your password and end the sessions that you do not know.",
    ),
)
SMTP_TEST: Final = Wording(
    subject="Custom SMTP email sample",
    before=(
        "This mail was sent to test the mail settings of {{project}}.",
        "They are working correctly: you are reading it.",
    ),
    after=("Server: {{host}}", "Sender: {{sender}}"),
)
WEBHOOK_DISABLED: Final = Wording(
    subject="Webhook deliveries have been paused",
    before=(
        "The webhook {{webhook}} of the project {{project}} failed {{failures}} times in a row.",
        "Events are no longer sent to it.",
        "Address: {{url}}",
        "Last failure: {{reason}}",
    ),
    after=("Once the address works again, enable the webhook: it then gets the events from that moment on.",),
)
UNKNOWN: Final = "unknown"
A_CLIENT: Final = "an unknown device"

OTP_TEXT: Final = "{{code}} is your code to sign in to {{project}}. Tell it to nobody."
MFA_CODE_TEXT: Final = "{{code}} is your verification code for {{project}}. Tell it to nobody."
PHONE_VERIFICATION_TEXT: Final = "{{code}} is the code that verifies your phone number for {{project}}."
INVITATION_TEXT: Final = "{{inviter}} invites you to the team {{team}} at {{project}}: {{link}}"
