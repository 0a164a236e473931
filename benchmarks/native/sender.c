/*
 * The physical limit that a realtime server is compared with: one thread, epoll, one send() per receiver and event.
 *
 * A connection that asks for a WebSocket becomes a receiver once its first message has named a subscription id. Any
 * other HTTP request causes one event: a text message of `--size` bytes for every receiver, equal but for the
 * receiver's own subscription id near its end; then it is answered. Nothing is matched, checked, stored or logged.
 *
 * Sec-WebSocket-Accept is a constant: only the load generator beside this file ever connects, and does not check it.
 */
#include "common.h"
#include "http.h"
#include "websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 512
#define EVENT_HEAD "{\"type\":\"event\",\"data\":{\"events\":[\"bare\"],\"channels\":[\"bare\"],\"payload\":{\"p\":\""
#define EVENT_MIDDLE "\"},\"subscriptions\":[\""
#define EVENT_END "\"]}}"
#define UPGRADED \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

struct connection {
    int fd;
    bool websocket;
    size_t receiver;              /* index in `receivers` plus one; 0 = none */
    char id[SUBSCRIPTION_ID_LENGTH];
    struct http_reader http;
    struct frame_reader frames;
    struct buffer message;        /* the client's message being read */
    struct buffer unsent;         /* what the socket did not take yet */
};

static int epoll_fd;
static struct connection **receivers;
static size_t receiver_count, receiver_capacity;
static struct buffer event_frame;
static size_t event_id_offset;

static void build_event(size_t size)
{
    size_t fixed = strlen(EVENT_HEAD) + strlen(EVENT_MIDDLE) + SUBSCRIPTION_ID_LENGTH + strlen(EVENT_END);
    if (size < fixed)
        die("--size: an event has at least %zu bytes", fixed);
    char *text = allocate(size + 1, 1);
    int end = snprintf(text, size + 1, EVENT_HEAD "%*s" EVENT_MIDDLE, (int)(size - fixed), "");
    memset(text + end, '0', SUBSCRIPTION_ID_LENGTH);
    memcpy(text + end + SUBSCRIPTION_ID_LENGTH, EVENT_END, strlen(EVENT_END));
    frame_append(&event_frame, OPCODE_TEXT, text, size, false);
    event_id_offset = event_frame.length - strlen(EVENT_END) - SUBSCRIPTION_ID_LENGTH;
    free(text);
}

static void watch(struct connection *connection, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) != 0)
        die_errno("epoll_ctl");
}

/* What the socket does not take is kept; a socket that is gone is noticed and closed when it is read. */
static void transmit(struct connection *connection, const char *data, size_t length)
{
    size_t sent = 0;
    if (connection->unsent.length == 0) {
        ssize_t result = send(connection->fd, data, length, MSG_NOSIGNAL);
        if (result < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        if (result < 0 && errno != EAGAIN)
            die_errno("send");
        sent = result < 0 ? 0 : (size_t)result;
        if (sent == length)
            return;
        watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
    buffer_append(&connection->unsent, data + sent, length - sent);
}

static void flush(struct connection *connection)
{
    struct buffer rest = connection->unsent;
    connection->unsent = (struct buffer){0};
    watch(connection, EPOLLIN, EPOLL_CTL_MOD);
    transmit(connection, rest.data, rest.length);
    buffer_free(&rest);
}

static void send_text(struct connection *connection, const char *text)
{
    struct buffer frame = {0};
    frame_append(&frame, OPCODE_TEXT, text, strlen(text), false);
    transmit(connection, frame.data, frame.length);
    buffer_free(&frame);
}

static void broadcast(void)
{
    for (size_t i = 0; i < receiver_count; i++) {
        memcpy(event_frame.data + event_id_offset, receivers[i]->id, SUBSCRIPTION_ID_LENGTH);
        transmit(receivers[i], event_frame.data, event_frame.length);
    }
}

static void subscribe(struct connection *connection)
{
    static const char key[] = "\"subscriptionId\":\"";
    const char *id = strstr(connection->message.data, key);
    if (id == NULL || strlen(id) < strlen(key) + SUBSCRIPTION_ID_LENGTH)
        die("not a subscribe message: %s", connection->message.data);
    memcpy(connection->id, id + strlen(key), SUBSCRIPTION_ID_LENGTH);
    if (receiver_count == receiver_capacity) {
        receiver_capacity = receiver_capacity * 2 + 64;
        receivers = realloc(receivers, receiver_capacity * sizeof *receivers);
        if (receivers == NULL)
            die("out of memory");
    }
    receivers[receiver_count++] = connection;
    connection->receiver = receiver_count;
    send_text(connection, "{\"type\":\"response\",\"data\":{\"to\":\"subscribe\",\"success\":true}}");
}

static void close_connection(struct connection *connection)
{
    if (connection->receiver > 0) {
        struct connection *last = receivers[--receiver_count];
        receivers[connection->receiver - 1] = last;
        last->receiver = connection->receiver;
    }
    close(connection->fd);
    buffer_free(&connection->http.text);
    buffer_free(&connection->message);
    buffer_free(&connection->unsent);
    free(connection);
}

static size_t read_http(struct connection *connection, const char *data, size_t length)
{
    size_t taken = http_feed(&connection->http, data, length);
    if (!http_complete(&connection->http))
        return taken;
    if (http_header(&connection->http, "upgrade") != NULL) {
        connection->websocket = true;
        transmit(connection, UPGRADED, strlen(UPGRADED));
        send_text(connection, "{\"type\":\"connected\",\"data\":{\"channels\":[],\"subscriptions\":[],\"user\":null}}");
    } else {
        broadcast();
        transmit(connection, ANSWER, strlen(ANSWER));
    }
    http_reset(&connection->http);
    return taken;
}

static size_t read_frame(struct connection *connection, const char *data, size_t length)
{
    struct frame_piece piece;
    bool have_piece;
    size_t taken = frame_feed(&connection->frames, (const uint8_t *)data, length, &piece, &have_piece);
    if (!have_piece)
        return taken;
    frame_unmask(&connection->frames, &piece, &connection->message);
    if (piece.frame_complete) {
        if (piece.opcode == OPCODE_TEXT)
            subscribe(connection);
        buffer_free(&connection->message);
    }
    return taken;
}

static void receive(struct connection *connection)
{
    char data[65536];
    ssize_t length = recv(connection->fd, data, sizeof data, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        close_connection(connection);
        return;
    }
    for (size_t taken = 0; taken < (size_t)length;)
        taken += connection->websocket ? read_frame(connection, data + taken, (size_t)length - taken)
                                       : read_http(connection, data + taken, (size_t)length - taken);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
            return;
        if (fd < 0)
            die_errno("accept");
        disable_nagle(fd);
        struct connection *connection = allocate(1, sizeof *connection);
        connection->fd = fd;
        watch(connection, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static int open_listener(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        die_errno("listen");
    printf("{\"port\":%d}\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static size_t event_size(int argc, char **argv)
{
    static const struct option options[] = {{"size", required_argument, NULL, 's'}, {0}};
    size_t size = 2800;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 's')
            die("usage: sender [--size BYTES]");
        size = number_argument("size", optarg, 1000000);
    }
    return size;
}

int main(int argc, char **argv)
{
    build_event(event_size(argc, argv));
    raise_file_limit(1024);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die_errno("epoll_create1");
    struct connection listener = {.fd = open_listener()};
    watch(&listener, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        struct epoll_event events[BATCH];
        int count = epoll_wait(epoll_fd, events, BATCH, -1);
        if (count < 0 && errno != EINTR)
            die_errno("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == &listener)
                accept_all(listener.fd);
            else if (events[i].events & EPOLLOUT)
                flush(connection); /* reading waits for the next round: it may close the connection */
            else
                receive(connection);
        }
    }
}
