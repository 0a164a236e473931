/* The load generator's parts: who subscribes, who causes events, and the record of what came when. */
#ifndef BENCHMARK_LOAD_H
#define BENCHMARK_LOAD_H

#include "common.h"

enum protocol {
    TIDEWIRE,   /* WebSocket: `connected` comes, then a `subscribe` message is answered */
    PLAIN,      /* WebSocket: the path says what is subscribed to, nothing but events ever comes */
    POCKETBASE, /* server-sent events: a client id comes, a request of its own subscribes it */
    GRAPHQL,    /* WebSocket: `graphql-transport-ws`, with one subscription */
};

struct options {
    enum protocol protocol;
    const char *path;           /* of the WebSocket or event stream, with its query string */
    const char *row;            /* one subscription, a template: see append_rows() */
    size_t subscriptions;       /* rows of each subscriber */
    bool shared;                /* all receivers get the same bytes: no id of their own to look for */
    bool deflate;               /* insist on permessage-deflate */
    bool pong;                  /* answer pings; some clients never do */
    struct buffer request;      /* one whole HTTP request; each sending of it causes one event */
    uint16_t port;
    size_t subscribers;
    size_t ids;                 /* those of subscriptions differ between runs unless this number is the same; 0: the process's */
    size_t missed;              /* events that each must get again when it comes back, before it counts as subscribed */
    size_t first;               /* number of the first subscriber: those of several load generators differ */
    size_t connecting;          /* subscribers that connect at the same time */
    size_t requests;
    size_t warm_up;             /* requests at the start that are not measured */
    size_t in_flight;           /* requests (and their events) not finished at any time; one HTTP connection each */
    uint64_t interval_ns;       /* least time between the starts of two requests */
    size_t addresses;           /* source addresses 127.0.0.1, .2, ...: each has some 28,000 ports */
    bool hold;                  /* keep the subscribers connected until stdin ends; what they get then counts for nothing */
};

/* One request and the event it causes. With several in flight, receipts are told apart by their order only. */
struct unit {
    uint64_t sent;
    uint64_t responded;
    uint64_t first_receipt;
    uint64_t last_receipt;
    size_t receipts;
};

struct record {
    struct unit *units;
    size_t sent, responded, delivered;  /* delivered: units that every subscriber has */
    uint32_t *receipts;                 /* microseconds from `sent`, of each measured unit and subscriber */
    size_t receipt_count;
    uint32_t *subscribe_times;          /* microseconds from connect to the answer to `subscribe` */
    size_t subscribed;
    uint64_t connect_started, connect_ended;
    uint64_t requests_started, cpu_before; /* wall and processor time when the requests began */
    size_t event_bytes;                 /* the newest event message as it came, without frame headers or chunk sizes */
};

extern struct options options;
extern struct record record;

/* What epoll's user data says. */
enum party { SUBSCRIBER, REQUESTER, SUBSCRIPTION, STANDARD_INPUT };
void watch(int operation, int fd, uint32_t events, enum party party, size_t index);

/* A socket that connects in the background, from one of the source addresses. */
int connect_from(size_t index);

/* Dies with the socket's error if the connection attempt failed. */
void finish_connect(int fd);

/* subscribers.c */
void subscribers_prepare(void);
void subscribers_connect_more(void);
void subscriber_ready(size_t index, uint32_t events);
/* The socket of a request that subscribes (pocketbase.c). */
void subscription_ready(size_t index, uint32_t events);
/* The first events of the first subscribers as JSON: what a reader can verify that this program cannot. */
void subscribers_print_samples(void);

/* requesters.c */
void requesters_prepare(void);
/* Starts what may start now; returns the nanoseconds until the next may start, or UINT64_MAX if only an answer helps. */
uint64_t requesters_start(void);
void requester_ready(size_t index, uint32_t events);

/* report.c */
void report_connected(void);
void report_requests(void);

#endif
