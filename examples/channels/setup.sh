#!/bin/sh
# Opens the rooms chat.* to everybody and says hello in one of them. usage: KEY=… ./setup.sh [ENDPOINT [PROJECT]]
set -eu
endpoint=${1:-http://localhost:8090/v1}
project=${2:-default}

call() {
  curl --silent --show-error --fail-with-body --request "$1" "$endpoint/realtime/channels$2" \
    --header "X-Appwrite-Project: $project" --header "X-Appwrite-Key: $KEY" \
    --header "Content-Type: application/json" --data "$3"
  echo
}

call POST "" '{"channelId": "chat.*", "read": ["any"], "publish": ["any"], "presence": true}'
call POST /chat.lobby/messages '{"payload": {"from": "server", "text": "Hello"}, "idempotencyKey": "hello-1"}'
