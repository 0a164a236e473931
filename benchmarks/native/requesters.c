/* Keep-alive HTTP connections that send the same request again and again, a bounded number at a time. */
#include "http.h"
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct requester {
    int fd;
    bool connecting;
    bool busy;
    size_t unit;    /* being requested */
    size_t written; /* bytes of the request */
    struct http_reader response;
};

static struct requester *requesters;
static uint64_t next_start;

void requesters_prepare(void)
{
    requesters = allocate(options.in_flight, sizeof *requesters);
    record.units = allocate(options.requests, sizeof *record.units);
    if (options.requests > options.warm_up)
        record.receipts = allocate((options.requests - options.warm_up) * options.subscribers, sizeof *record.receipts);
    for (size_t index = 0; options.requests > 0 && index < options.in_flight; index++) {
        requesters[index] = (struct requester){.fd = connect_from(0), .connecting = true};
        watch(EPOLL_CTL_ADD, requesters[index].fd, EPOLLOUT, REQUESTER, index);
    }
}

static void write_request(struct requester *requester, size_t index)
{
    ssize_t sent = send(requester->fd, options.request.data + requester->written,
                        options.request.length - requester->written, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        die_errno("send a request");
    requester->written += sent < 0 ? 0 : (size_t)sent;
    bool complete = requester->written == options.request.length;
    watch(EPOLL_CTL_MOD, requester->fd, complete ? EPOLLIN : EPOLLOUT, REQUESTER, index);
}

/* In turns: a server closes connections that are not used. */
static struct requester *idle_requester(void)
{
    static size_t latest;
    for (size_t place = 1; place <= options.in_flight; place++) {
        size_t index = (latest + place) % options.in_flight;
        if (!requesters[index].connecting && !requesters[index].busy) {
            latest = index;
            return &requesters[index];
        }
    }
    return NULL;
}

static bool may_start(void)
{
    size_t finished = record.responded;
    if (options.subscribers > 0 && record.delivered < finished)
        finished = record.delivered;
    return record.sent < options.requests && record.sent - finished < options.in_flight;
}

uint64_t requesters_start(void)
{
    struct requester *requester;
    while (may_start() && (requester = idle_requester()) != NULL) {
        uint64_t now = now_ns();
        if (now < next_start)
            return next_start - now;
        next_start = now + options.interval_ns;
        requester->busy = true;
        requester->written = 0;
        requester->unit = record.sent++;
        record.units[requester->unit].sent = now;
        write_request(requester, (size_t)(requester - requesters));
    }
    return UINT64_MAX;
}

static void read_response(struct requester *requester)
{
    static char data[65536];
    ssize_t length = recv(requester->fd, data, sizeof data, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length < 0)
        die_errno("recv a response");
    if (length == 0)
        die("the server closed an HTTP connection");
    if (!requester->busy)
        die("a response without a request: %.*s", (int)length, data);
    if (http_feed(&requester->response, data, (size_t)length) != (size_t)length)
        die("more than one response to one request");
    if (!http_complete(&requester->response))
        return;
    if (http_status(&requester->response) / 100 != 2)
        die("request failed:\n%s", requester->response.text.data);
    http_reset(&requester->response);
    requester->busy = false;
    record.units[requester->unit].responded = now_ns();
    record.responded++;
}

void requester_ready(size_t index, uint32_t events)
{
    struct requester *requester = &requesters[index];
    if (requester->connecting) {
        finish_connect(requester->fd);
        disable_nagle(requester->fd);
        requester->connecting = false;
        watch(EPOLL_CTL_MOD, requester->fd, EPOLLIN, REQUESTER, index);
    } else if (events & EPOLLOUT) {
        write_request(requester, index);
    } else {
        read_response(requester);
    }
}
