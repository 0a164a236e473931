/* One subscriber: what all protocols have in common, and what each of them adds. */
#ifndef BENCHMARK_SUBSCRIBERS_H
#define BENCHMARK_SUBSCRIBERS_H

#include "http.h"
#include "load.h"
#include "websocket.h"

#define KIND_LENGTH 15 /* strlen("{\"type\":\"event\""): enough to tell Tidewire's messages apart */
#define CLIENT_ID_LENGTH 64

enum state { CONNECTING, REQUESTED, CONNECTED_AWAITED, ANSWER_AWAITED, MISSED_AWAITED, SUBSCRIBED };

struct subscriber {
    int fd;
    enum state state;
    uint64_t started;
    size_t missed; /* events of those it missed that came */
    size_t events;
    struct http_reader http;
    size_t message_size;   /* bytes of the message being read, so far */
    struct buffer message; /* its text, kept until this subscriber's first event was verified */
    union {
        struct {
            struct frame_reader frames;
            bool in_message; /* fragments of a message were read, the last was not */
            bool compressed;
            char kind[KIND_LENGTH];
            struct buffer control; /* payload of the ping being read */
        } websocket;
        struct {
            struct chunk_reader chunks;
            bool after_newline;
            char client_id[CLIENT_ID_LENGTH];
            int request_fd;       /* of the request that subscribes */
            struct http_reader answer;
        } stream;
    };
};

/* subscribers.c */
struct subscriber *subscriber_at(size_t index);
size_t subscriber_index(const struct subscriber *subscriber);
void transmit(int fd, const char *data, size_t length);
/*
 * The rows of a subscriber, parted by commas: options.row with `@id@` replaced by the row's subscription id, `@place@`
 * by its place among the subscriber's rows, `@number@` by its place among the rows of all.
 */
void append_rows(struct buffer *text, size_t index);
/* Whether the text names one of the subscriber's subscription ids. */
bool names_own_subscription(const char *text, size_t index);
void subscribed(struct subscriber *subscriber);
void count_event(struct subscriber *subscriber);

/* conversation.c: WebSocket */
void websocket_request(const struct subscriber *subscriber);
size_t websocket_read(struct subscriber *subscriber, const char *data, size_t length);
void websocket_verify(const struct subscriber *subscriber);

/* pocketbase.c: server-sent events */
void stream_request(const struct subscriber *subscriber);
size_t stream_read(struct subscriber *subscriber, const char *data, size_t length);
void stream_verify(const struct subscriber *subscriber);

#endif
