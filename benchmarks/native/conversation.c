/* Subscribers over a WebSocket: by Tidewire's messages, by those of GraphQL, or by the path alone. */
#include "subscribers.h"

#include <string.h>

static const char upgrade[] = " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/* Without context takeover every message can be inflated by itself, and no server has to keep windows. */
static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                            "client_no_context_takeover\r\n";

static const char graphql_offer[] = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n";
static const char graphql_init[] = "{\"type\":\"connection_init\"}";
/* That a subscription has begun is not told. Operations begin in their order, and that one is wrong is told. */
static const char graphql_wrong[] = "{\"type\":\"subscribe\",\"id\":\"wrong\",\"payload\":{\"query\":\"\"}}";

void websocket_request(const struct subscriber *subscriber)
{
    struct buffer request = {0};
    buffer_append(&request, "GET ", 4);
    buffer_append(&request, options.path, strlen(options.path));
    buffer_append(&request, upgrade, strlen(upgrade));
    if (options.deflate)
        buffer_append(&request, offer, strlen(offer));
    if (options.protocol == GRAPHQL)
        buffer_append(&request, graphql_offer, strlen(graphql_offer));
    buffer_append(&request, "\r\n", 2);
    transmit(subscriber->fd, request.data, request.length);
    buffer_free(&request);
}

static void send_text(const struct subscriber *subscriber, const char *text, size_t length)
{
    struct buffer frame = {0};
    frame_append(&frame, OPCODE_TEXT, text, length, true);
    transmit(subscriber->fd, frame.data, frame.length);
    buffer_free(&frame);
}

static void send_subscribe(const struct subscriber *subscriber)
{
    struct buffer text = {0};
    static const char head[] = "{\"type\":\"subscribe\",\"data\":[";
    if (options.protocol == TIDEWIRE)
        buffer_append(&text, head, strlen(head));
    append_rows(&text, subscriber_index(subscriber));
    if (options.protocol == TIDEWIRE)
        buffer_append(&text, "]}", 2);
    send_text(subscriber, text.data, text.length);
    if (options.protocol == GRAPHQL)
        send_text(subscriber, graphql_wrong, strlen(graphql_wrong));
    buffer_free(&text);
}

void websocket_verify(const struct subscriber *subscriber)
{
    const char *name = options.protocol == GRAPHQL ? "\"id\":\"" : "\"subscriptions\":[";
    const char *subscriptions = strstr(subscriber->message.data, name);
    if (subscriptions == NULL || !names_own_subscription(subscriptions, subscriber_index(subscriber)))
        die("event without the receiver's subscription id:\n%s", subscriber->message.data);
}

/* Whether a message is of the kind that is expected now. Of compressed ones only a reader of the samples can tell. */
static bool is_kind(const struct subscriber *subscriber, const char *kind)
{
    return subscriber->websocket.compressed || memcmp(subscriber->websocket.kind, kind, KIND_LENGTH) == 0;
}

/* Whether the answer to a `subscribe` says of all subscriptions that what they missed will come. */
static bool is_recovered(const char *answer)
{
    const char *recovered = strstr(answer, "\"recovered\":");
    return recovered != NULL && strstr(recovered, ":false") == NULL;
}

static void take_message(struct subscriber *subscriber)
{
    bool graphql = options.protocol == GRAPHQL;
    const char *of_events = graphql ? "{\"type\":\"next\"," : "{\"type\":\"event\"";
    const char *of_answers = graphql ? "{\"type\":\"error\"" : "{\"type\":\"respon";
    bool event = options.protocol == PLAIN || is_kind(subscriber, of_events);
    if (subscriber->state == SUBSCRIBED && event) {
        count_event(subscriber);
    } else if (subscriber->state == CONNECTED_AWAITED && is_kind(subscriber, "{\"type\":\"connec")) {
        subscriber->state = ANSWER_AWAITED;
        send_subscribe(subscriber);
    } else if (subscriber->state == ANSWER_AWAITED && is_kind(subscriber, of_answers)) {
        if (options.missed == 0)
            subscribed(subscriber);
        else if (is_recovered(subscriber->message.data))
            subscriber->state = MISSED_AWAITED;
        else
            die("subscriber %zu has lost events:\n%s", subscriber_index(subscriber), subscriber->message.data);
    } else if (subscriber->state == MISSED_AWAITED && event) {
        if (++subscriber->missed == options.missed)
            subscribed(subscriber);
    } else {
        die("unexpected message to subscriber %zu in state %d: %s", subscriber_index(subscriber), subscriber->state,
            subscriber->message.length > 0 ? subscriber->message.data : subscriber->websocket.kind);
    }
    subscriber->message.length = 0;
}

static void take_control(struct subscriber *subscriber, const struct frame_piece *piece)
{
    struct buffer *control = &subscriber->websocket.control;
    if (piece->opcode == OPCODE_CLOSE)
        die("the server closed subscriber %zu", subscriber_index(subscriber));
    if (piece->opcode != OPCODE_PING || !options.pong)
        return;
    frame_unmask(&subscriber->websocket.frames, piece, control);
    if (piece->frame_complete) {
        struct buffer pong = {0};
        frame_append(&pong, OPCODE_PONG, control->data, control->length, true);
        transmit(subscriber->fd, pong.data, pong.length);
        buffer_free(&pong);
        buffer_free(control);
    }
}

static size_t read_frame(struct subscriber *subscriber, const char *data, size_t length)
{
    struct frame_piece piece;
    bool have_piece;
    struct frame_reader *frames = &subscriber->websocket.frames;
    size_t taken = frame_feed(frames, (const uint8_t *)data, length, &piece, &have_piece);
    if (!have_piece)
        return taken;
    if (piece.opcode >= OPCODE_CLOSE) {
        take_control(subscriber, &piece);
        return taken;
    }
    if (piece.offset == 0 && (piece.opcode == OPCODE_CONTINUATION) != subscriber->websocket.in_message)
        die("fragments out of order to subscriber %zu", subscriber_index(subscriber));
    if (!subscriber->websocket.in_message) {
        subscriber->websocket.in_message = true;
        subscriber->websocket.compressed = frames->compressed;
        subscriber->message_size = 0;
    }
    if (subscriber->message_size < KIND_LENGTH) {
        size_t missing = KIND_LENGTH - subscriber->message_size;
        memcpy(subscriber->websocket.kind + subscriber->message_size, piece.data,
               piece.length < missing ? piece.length : missing);
    }
    if (subscriber->events == 0)
        frame_unmask(frames, &piece, &subscriber->message);
    subscriber->message_size += piece.length;
    if (piece.frame_complete && piece.final) {
        subscriber->websocket.in_message = false;
        take_message(subscriber);
    }
    return taken;
}

static size_t read_upgrade(struct subscriber *subscriber, const char *data, size_t length)
{
    size_t taken = http_feed(&subscriber->http, data, length);
    if (!http_complete(&subscriber->http))
        return taken;
    if (http_status(&subscriber->http) != 101)
        die("no upgrade:\n%s", subscriber->http.text.data);
    const char *extensions = http_header(&subscriber->http, "sec-websocket-extensions");
    bool deflate = extensions != NULL && strncmp(extensions, "permessage-deflate", 18) == 0;
    if (options.deflate && !deflate)
        die("the server does not compress:\n%s", subscriber->http.text.data);
    subscriber->websocket.frames.may_be_compressed = deflate;
    buffer_free(&subscriber->http.text);
    subscriber->state = CONNECTED_AWAITED;
    if (options.protocol == PLAIN)
        subscribed(subscriber);
    else if (options.protocol == GRAPHQL)
        send_text(subscriber, graphql_init, strlen(graphql_init));
    return taken;
}

size_t websocket_read(struct subscriber *subscriber, const char *data, size_t length)
{
    return (subscriber->state == REQUESTED ? read_upgrade : read_frame)(subscriber, data, length);
}
