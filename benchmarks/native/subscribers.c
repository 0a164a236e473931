/* The subscribers: each connects, speaks its protocol until it is subscribed, then counts events. */
#include "subscribers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SAMPLES 8

struct sample {
    size_t index;
    bool compressed;
    struct buffer message;
};

static struct subscriber *subscribers;
static size_t started_count;
static struct sample samples[SAMPLES];
static size_t sample_count;

struct subscriber *subscriber_at(size_t index)
{
    return &subscribers[index];
}

size_t subscriber_index(const struct subscriber *subscriber)
{
    return (size_t)(subscriber - subscribers);
}

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

static void subscription_id(size_t number, char id[SUBSCRIPTION_ID_LENGTH + 1])
{
    /* Spread over all digits, as real ids are; a bijection, so no two subscriptions share one. */
    uint64_t scrambled = (number + 1) * 0x9e3779b97f4a7c15u;
    /* Others than in an earlier run: a server may send a subscription that comes back what it has missed. */
    snprintf(id, SUBSCRIPTION_ID_LENGTH + 1, "%04x%016llx", (unsigned)(options.ids ? options.ids : (size_t)getpid()) & 0xffff,
             (unsigned long long)scrambled);
}

static void append_row(struct buffer *text, size_t index, size_t place)
{
    size_t number = (options.first + index) * options.subscriptions + place;
    static const char *const names[] = {"@id@", "@place@", "@number@"};
    char values[3][SUBSCRIPTION_ID_LENGTH + 1];
    subscription_id(number, values[0]);
    snprintf(values[1], sizeof values[1], "%zu", place);
    snprintf(values[2], sizeof values[2], "%zu", number);
    for (const char *rest = options.row; *rest != '\0';) {
        size_t name = 0;
        while (name < 3 && strncmp(rest, names[name], strlen(names[name])) != 0)
            name++;
        buffer_append(text, name < 3 ? values[name] : rest, name < 3 ? strlen(values[name]) : 1);
        rest += name < 3 ? strlen(names[name]) : 1;
    }
}

void append_rows(struct buffer *text, size_t index)
{
    for (size_t place = 0; place < options.subscriptions; place++) {
        if (place > 0)
            buffer_append(text, ",", 1);
        append_row(text, index, place);
    }
}

bool names_own_subscription(const char *text, size_t index)
{
    char id[SUBSCRIPTION_ID_LENGTH + 1];
    for (size_t place = 0; place < options.subscriptions; place++) {
        subscription_id((options.first + index) * options.subscriptions + place, id);
        if (strstr(text, id) != NULL)
            return true;
    }
    return false;
}

void transmit(int fd, const char *data, size_t length)
{
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    if (sent < 0)
        die_errno("send for a subscriber");
    if ((size_t)sent != length)
        die("a socket did not take %zu bytes", length);
    acknowledge_at_once(fd);
}

void subscribed(struct subscriber *subscriber)
{
    subscriber->state = SUBSCRIBED;
    record.connect_ended = now_ns();
    record.subscribe_times[record.subscribed++] = (uint32_t)((record.connect_ended - subscriber->started) / 1000);
    subscribers_connect_more();
}

static void verify_first_event(struct subscriber *subscriber)
{
    bool compressed = options.protocol != POCKETBASE && subscriber->websocket.compressed;
    if (!compressed && !options.shared) {
        if (options.protocol == POCKETBASE)
            stream_verify(subscriber);
        else
            websocket_verify(subscriber);
    }
    if (sample_count < SAMPLES)
        samples[sample_count++] = (struct sample){subscriber_index(subscriber), compressed, subscriber->message};
    else
        buffer_free(&subscriber->message);
    subscriber->message = (struct buffer){0};
}

void count_event(struct subscriber *subscriber)
{
    if (options.hold || options.requests == 0)
        return;
    if (subscriber->events == 0)
        verify_first_event(subscriber);
    size_t number = subscriber->events++;
    if (number >= record.sent)
        die("more events than requests: subscriber %zu has %zu", subscriber_index(subscriber), subscriber->events);
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

void subscriber_ready(size_t index, uint32_t events)
{
    static char data[262144];
    struct subscriber *subscriber = &subscribers[index];
    bool stream = options.protocol == POCKETBASE;
    if (subscriber->state == CONNECTING) {
        finish_connect(subscriber->fd);
        subscriber->state = REQUESTED;
        (stream ? stream_request : websocket_request)(subscriber);
        watch(EPOLL_CTL_MOD, subscriber->fd, EPOLLIN, SUBSCRIBER, index);
        return;
    }
    ssize_t length = recv(subscriber->fd, data, sizeof data, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length < 0)
        die_errno("recv for a subscriber");
    if (length == 0)
        die("the server dropped subscriber %zu (epoll events %#x)", index, events);
    for (size_t taken = 0; taken < (size_t)length;)
        taken += (stream ? stream_read : websocket_read)(subscriber, data + taken, (size_t)length - taken);
}

void subscribers_print_samples(void)
{
    char id[SUBSCRIPTION_ID_LENGTH + 1];
    printf(",\"samples\":[");
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *sample = &samples[i];
        subscription_id((options.first + sample->index) * options.subscriptions, id);
        printf("%s{\"id\":\"%s\",\"compressed\":%s,\"hexadecimal\":\"", i > 0 ? "," : "", id,
               sample->compressed ? "true" : "false");
        for (size_t j = 0; j < sample->message.length; j++)
            printf("%02x", (uint8_t)sample->message.data[j]);
        printf("\"}");
    }
    printf("]");
}
