/* Each subscriber: connect, upgrade, wait for `connected`, subscribe with an id of its own, then count events. */
#include "http.h"
#include "load.h"
#include "websocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define KIND_LENGTH 15 /* strlen("{\"type\":\"event\""): enough to tell the messages apart */

enum state { CONNECTING, UPGRADING, CONNECTED_AWAITED, ANSWER_AWAITED, SUBSCRIBED };

struct subscriber {
    int fd;
    enum state state;
    uint64_t started;
    size_t events;
    struct http_reader http;
    struct frame_reader frames;
    bool in_message;      /* fragments of a message were read, the last was not */
    size_t message_size;  /* bytes of it so far */
    char kind[KIND_LENGTH];
    struct buffer message; /* its text, kept until this subscriber's first event was verified */
};

static struct subscriber *subscribers;
static size_t started_count;

void subscribers_prepare(void)
{
    subscribers = allocate(options.subscribers, sizeof *subscribers);
    record.subscribe_times = allocate(options.subscribers, sizeof *record.subscribe_times);
}

void subscribers_connect_more(void)
{
    if (started_count == 0)
        record.connect_started = now_ns();
    while (started_count < options.subscribers && started_count - record.subscribed < options.connecting) {
        size_t index = started_count++;
        struct subscriber *subscriber = &subscribers[index];
        subscriber->started = now_ns();
        subscriber->fd = connect_from(index);
        watch(EPOLL_CTL_ADD, subscriber->fd, EPOLLOUT, SUBSCRIBER, index);
    }
}

static void subscription_id(size_t index, char id[SUBSCRIPTION_ID_LENGTH + 1])
{
    /* Spread over all digits, as real ids are; a bijection, so no two subscribers share one. */
    uint64_t scrambled = (index + 1) * 0x9e3779b97f4a7c15u;
    snprintf(id, SUBSCRIPTION_ID_LENGTH + 1, "66f0%016llx", (unsigned long long)scrambled);
}

static void transmit(const struct subscriber *subscriber, const char *data, size_t length)
{
    ssize_t sent = send(subscriber->fd, data, length, MSG_NOSIGNAL);
    if (sent < 0)
        die_errno("send to the WebSocket");
    if ((size_t)sent != length)
        die("a new socket did not take %zu bytes", length);
}

static void send_upgrade(const struct subscriber *subscriber)
{
    struct buffer request = {0};
    static const char head[] =
        " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    buffer_append(&request, "GET ", 4);
    buffer_append(&request, options.path, strlen(options.path));
    buffer_append(&request, head, strlen(head));
    transmit(subscriber, request.data, request.length);
    buffer_free(&request);
}

static void send_subscribe(const struct subscriber *subscriber, size_t index)
{
    char id[SUBSCRIPTION_ID_LENGTH + 1], text[1024];
    subscription_id(index, id);
    int length = snprintf(text, sizeof text,
                          "{\"type\":\"subscribe\",\"data\":[{\"subscriptionId\":\"%s\",\"channels\":[\"%s\"],"
                          "\"queries\":[]}]}",
                          id, options.channel);
    if (length < 0 || (size_t)length >= sizeof text)
        die("--channel is too long");
    struct buffer frame = {0};
    frame_append_text(&frame, text, (size_t)length, true);
    transmit(subscriber, frame.data, frame.length);
    buffer_free(&frame);
}

static void verify_first_event(struct subscriber *subscriber, size_t index)
{
    char id[SUBSCRIPTION_ID_LENGTH + 1];
    subscription_id(index, id);
    const char *subscriptions = strstr(subscriber->message.data, "\"subscriptions\":[");
    if (subscriptions == NULL || strstr(subscriptions, id) == NULL)
        die("event without the receiver's subscription id %s:\n%s", id, subscriber->message.data);
    buffer_free(&subscriber->message);
}

static void count_event(struct subscriber *subscriber, size_t index)
{
    if (subscriber->events == 0)
        verify_first_event(subscriber, index);
    size_t number = subscriber->events++;
    if (number >= record.sent)
        die("more events than requests: subscriber %zu has %zu", index, subscriber->events);
    struct unit *unit = &record.units[number];
    uint64_t now = now_ns();
    if (unit->receipts++ == 0)
        unit->first_receipt = now;
    if (unit->receipts == options.subscribers) {
        unit->last_receipt = now;
        record.delivered++;
    }
    if (number >= options.warm_up)
        record.receipts[record.receipt_count++] = (uint32_t)((now - unit->sent) / 1000);
    record.event_bytes = subscriber->message_size;
}

static void take_message(struct subscriber *subscriber, size_t index)
{
    bool event = memcmp(subscriber->kind, "{\"type\":\"event\"", KIND_LENGTH) == 0;
    if (event && subscriber->state == SUBSCRIBED) {
        count_event(subscriber, index);
    } else if (subscriber->state == CONNECTED_AWAITED && memcmp(subscriber->kind, "{\"type\":\"connec", KIND_LENGTH) == 0) {
        subscriber->state = ANSWER_AWAITED;
        send_subscribe(subscriber, index);
    } else if (subscriber->state == ANSWER_AWAITED && memcmp(subscriber->kind, "{\"type\":\"respon", KIND_LENGTH) == 0) {
        subscriber->state = SUBSCRIBED;
        record.connect_ended = now_ns();
        record.subscribe_times[record.subscribed++] =
            (uint32_t)((record.connect_ended - subscriber->started) / 1000);
        subscribers_connect_more();
    } else {
        die("unexpected message to subscriber %zu in state %d: %s", index, subscriber->state,
            subscriber->message.length > 0 ? subscriber->message.data : subscriber->kind);
    }
    subscriber->message.length = 0;
}

static size_t read_frame(struct subscriber *subscriber, size_t index, const char *data, size_t length)
{
    struct frame_piece piece;
    bool have_piece;
    size_t taken = frame_feed(&subscriber->frames, (const uint8_t *)data, length, &piece, &have_piece);
    if (!have_piece)
        return taken;
    if (piece.opcode >= OPCODE_CLOSE) {
        if (piece.opcode == OPCODE_CLOSE)
            die("the server closed subscriber %zu", index);
        return taken; /* pings are not answered, as some clients never do */
    }
    if (piece.offset == 0 && (piece.opcode == OPCODE_CONTINUATION) != subscriber->in_message)
        die("fragments out of order to subscriber %zu", index);
    if (!subscriber->in_message) {
        subscriber->in_message = true;
        subscriber->message_size = 0;
    }
    if (subscriber->message_size < KIND_LENGTH) {
        size_t missing = KIND_LENGTH - subscriber->message_size;
        memcpy(subscriber->kind + subscriber->message_size, piece.data, piece.length < missing ? piece.length : missing);
    }
    if (subscriber->events == 0)
        frame_unmask(&subscriber->frames, &piece, &subscriber->message);
    subscriber->message_size += piece.length;
    if (piece.frame_complete && piece.final) {
        subscriber->in_message = false;
        take_message(subscriber, index);
    }
    return taken;
}

static size_t read_upgrade(struct subscriber *subscriber, const char *data, size_t length)
{
    size_t taken = http_feed(&subscriber->http, data, length);
    if (http_complete(&subscriber->http)) {
        if (http_status(&subscriber->http) != 101)
            die("no upgrade:\n%s", subscriber->http.text.data);
        buffer_free(&subscriber->http.text);
        subscriber->state = CONNECTED_AWAITED;
    }
    return taken;
}

void subscriber_ready(size_t index, uint32_t events)
{
    static char data[262144];
    struct subscriber *subscriber = &subscribers[index];
    if (subscriber->state == CONNECTING) {
        finish_connect(subscriber->fd);
        subscriber->state = UPGRADING;
        send_upgrade(subscriber);
        watch(EPOLL_CTL_MOD, subscriber->fd, EPOLLIN, SUBSCRIBER, index);
        return;
    }
    ssize_t length = recv(subscriber->fd, data, sizeof data, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length < 0)
        die_errno("recv from the WebSocket");
    if (length == 0)
        die("the server dropped subscriber %zu (epoll events %#x)", index, events);
    for (size_t taken = 0; taken < (size_t)length;)
        taken += subscriber->state == UPGRADING
                     ? read_upgrade(subscriber, data + taken, (size_t)length - taken)
                     : read_frame(subscriber, index, data + taken, (size_t)length - taken);
}
