/* Subscribers over PocketBase's server-sent events: HTTP chunks that carry lines, a blank one after each event. */
#include "subscribers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_request(const struct subscriber *subscriber)
{
    struct buffer request = {0};
    static const char head[] = " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
    buffer_append(&request, "GET ", 4);
    buffer_append(&request, options.path, strlen(options.path));
    buffer_append(&request, head, strlen(head));
    transmit(subscriber->fd, request.data, request.length);
    buffer_free(&request);
}

void stream_verify(const struct subscriber *subscriber)
{
    if (strstr(subscriber->message.data, subscriber->stream.client_id) == NULL)
        die("event without the receiver's client id %s:\n%s", subscriber->stream.client_id, subscriber->message.data);
}

static void read_client_id(struct subscriber *subscriber)
{
    char name[32];
    if (sscanf(subscriber->message.data, "id:%63[^\n]\nevent:%31[^\n]", subscriber->stream.client_id, name) != 2 ||
        strcmp(name, "PB_CONNECT") != 0)
        die("not PB_CONNECT but:\n%s", subscriber->message.data);
}

static void take_message(struct subscriber *subscriber)
{
    if (subscriber->state == SUBSCRIBED) {
        count_event(subscriber);
    } else if (subscriber->state == CONNECTED_AWAITED) {
        size_t index = subscriber_index(subscriber);
        read_client_id(subscriber);
        subscriber->state = ANSWER_AWAITED;
        subscriber->stream.request_fd = connect_from(index);
        watch(EPOLL_CTL_ADD, subscriber->stream.request_fd, EPOLLOUT, SUBSCRIPTION, index);
    } else {
        die("unexpected event to subscriber %zu:\n%s", subscriber_index(subscriber), subscriber->message.data);
    }
    subscriber->message.length = 0;
    subscriber->message_size = 0;
}

/* Takes lines up to the end of an event, at most. */
static size_t read_lines(struct subscriber *subscriber, const char *data, size_t length)
{
    size_t taken = 0;
    bool complete = false;
    while (taken < length && !complete) {
        const char *newline = memchr(data + taken, '\n', length - taken);
        size_t line = newline == NULL ? length - taken : (size_t)(newline - data) - taken + 1;
        complete = line == 1 && newline != NULL && subscriber->stream.after_newline;
        subscriber->stream.after_newline = newline != NULL;
        taken += line;
    }
    if (subscriber->events == 0)
        buffer_append(&subscriber->message, data, taken);
    subscriber->message_size += taken;
    if (complete)
        take_message(subscriber);
    return taken;
}

static size_t read_chunk(struct subscriber *subscriber, const char *data, size_t length)
{
    size_t content;
    size_t taken = chunk_feed(&subscriber->stream.chunks, data, length, &content);
    if (subscriber->stream.chunks.last)
        die("the server ended the stream of subscriber %zu", subscriber_index(subscriber));
    for (size_t read = 0; read < content;)
        read += read_lines(subscriber, data + taken - content + read, content - read);
    return taken;
}

size_t stream_read(struct subscriber *subscriber, const char *data, size_t length)
{
    if (subscriber->state != REQUESTED)
        return read_chunk(subscriber, data, length);
    subscriber->http.head_only = true;
    size_t taken = http_feed(&subscriber->http, data, length);
    if (http_complete(&subscriber->http)) {
        const char *encoding = http_header(&subscriber->http, "transfer-encoding");
        if (http_status(&subscriber->http) != 200 || encoding == NULL || strncmp(encoding, "chunked", 7) != 0)
            die("no event stream:\n%s", subscriber->http.text.data);
        buffer_free(&subscriber->http.text);
        subscriber->state = CONNECTED_AWAITED;
    }
    return taken;
}

static void send_subscription(const struct subscriber *subscriber)
{
    char head[256];
    struct buffer body = {0}, request = {0};
    int length = snprintf(head, sizeof head, "{\"clientId\":\"%s\",\"subscriptions\":[", subscriber->stream.client_id);
    buffer_append(&body, head, (size_t)length);
    append_rows(&body, subscriber_index(subscriber));
    buffer_append(&body, "]}", 2);
    length = snprintf(head, sizeof head,
                      "POST /api/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      body.length);
    buffer_append(&request, head, (size_t)length);
    buffer_append(&request, body.data, body.length);
    transmit(subscriber->stream.request_fd, request.data, request.length);
    buffer_free(&request);
    buffer_free(&body);
}

void subscription_ready(size_t index, uint32_t events)
{
    char data[4096];
    struct subscriber *subscriber = subscriber_at(index);
    int fd = subscriber->stream.request_fd;
    if (events & EPOLLOUT) {
        finish_connect(fd);
        send_subscription(subscriber);
        watch(EPOLL_CTL_MOD, fd, EPOLLIN, SUBSCRIPTION, index);
        return;
    }
    ssize_t length = recv(fd, data, sizeof data, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length < 0)
        die_errno("recv the answer to a subscription");
    if (length == 0)
        die("a subscription was not answered");
    http_feed(&subscriber->stream.answer, data, (size_t)length);
    if (!http_complete(&subscriber->stream.answer))
        return;
    if (http_status(&subscriber->stream.answer) / 100 != 2)
        die("not subscribed:\n%s", subscriber->stream.answer.text.data);
    buffer_free(&subscriber->stream.answer.text);
    close(fd);
    subscribed(subscriber);
}
