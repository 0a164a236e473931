/*
 * Load generator: connects `--subscribers`, each with `--subscriptions` of ids of its own, then sends `--requests`
 * HTTP requests, each of which must cause one event for every subscriber. Everything that is expected is waited for and
 * counted; anything else, an error or a stall ends the program with status 1.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 512
#define STALL_MILLISECONDS 60000

struct options options = {
    .path = "/", .row = "{\"subscriptionId\":\"@id@\",\"channels\":[\"files\"],\"queries\":[]}",
    .subscriptions = 1, .connecting = 32, .in_flight = 1, .addresses = 8,
};
struct record record;
static int epoll_fd;
static bool released; /* stdin has ended */

void watch(int operation, int fd, uint32_t events, enum party party, size_t index)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)index << 2 | party};
    if (epoll_ctl(epoll_fd, operation, fd, &event) != 0)
        die_errno("epoll_ctl");
}

int connect_from(size_t index)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die_errno("socket");
    struct sockaddr_in source = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % options.addresses))};
    /* The port is chosen at connect(), so that it need only be unique for this pair of addresses. */
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        die_errno("bind");
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(options.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
        die_errno("connect");
    return fd;
}

void finish_connect(int fd)
{
    int error;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        die_errno("getsockopt");
    if (error != 0)
        die("connect: %s", strerror(error));
}

static void read_standard_input(void)
{
    char data[256];
    ssize_t length = read(STDIN_FILENO, data, sizeof data);
    if (length < 0)
        die_errno("stdin");
    released = length == 0;
}

/* Waits at most `timeout_ns`; dies if nothing happens for too long. */
static void step(uint64_t timeout_ns)
{
    struct epoll_event events[BATCH];
    bool limited = timeout_ns != UINT64_MAX;
    int count = epoll_wait(epoll_fd, events, BATCH, limited ? (int)(timeout_ns / 1000000 + 1) : STALL_MILLISECONDS);
    if (count < 0 && errno != EINTR)
        die_errno("epoll_wait");
    if (count == 0 && !limited)
        die("stalled: %zu of %zu subscribed; %zu of %zu requests sent, %zu answered, %zu delivered to all",
            record.subscribed, options.subscribers, record.sent, options.requests, record.responded,
            record.delivered);
    for (int i = 0; i < count; i++) {
        size_t index = (size_t)(events[i].data.u64 >> 2);
        switch ((enum party)(events[i].data.u64 & 3)) {
        case SUBSCRIBER: subscriber_ready(index, events[i].events); break;
        case REQUESTER: requester_ready(index, events[i].events); break;
        case SUBSCRIPTION: subscription_ready(index, events[i].events); break;
        case STANDARD_INPUT: read_standard_input(); break;
        }
    }
}

static void connect_subscribers(void)
{
    subscribers_prepare();
    subscribers_connect_more();
    while (record.subscribed < options.subscribers)
        step(UINT64_MAX);
    report_connected();
}

static void send_requests(void)
{
    requesters_prepare();
    record.requests_started = now_ns();
    record.cpu_before = cpu_ns();
    while (record.responded < options.requests ||
           (options.subscribers > 0 && record.delivered < options.requests)) {
        uint64_t wait = requesters_start();
        step(wait);
    }
    report_requests();
}

/* The subscribers stay what they are to the server: clients that read, and answer its pings. */
static void hold(void)
{
    static const uint64_t awake_ns = 1000000000;
    watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, STANDARD_INPUT, 0);
    while (!released)
        step(awake_ns);
}

static void read_request(const char *path)
{
    char data[65536];
    size_t length;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die_errno(path);
    while ((length = fread(data, 1, sizeof data, file)) > 0)
        buffer_append(&options.request, data, length);
    if (ferror(file) || options.request.length == 0)
        die("cannot read a request from %s", path);
    fclose(file);
}

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},        {"path", required_argument, NULL, 'u'},
    {"protocol", required_argument, NULL, 'P'},    {"row", required_argument, NULL, 'R'},
    {"shared", no_argument, NULL, 'S'},            {"deflate", no_argument, NULL, 'd'},
    {"subscribers", required_argument, NULL, 's'}, {"subscriptions", required_argument, NULL, 'n'},
    {"pong", no_argument, NULL, 'o'},              {"first", required_argument, NULL, 'F'},
    {"connecting", required_argument, NULL, 'C'},  {"request-file", required_argument, NULL, 'f'},
    {"requests", required_argument, NULL, 'r'},    {"warm-up", required_argument, NULL, 'w'},
    {"in-flight", required_argument, NULL, 'i'},   {"interval-us", required_argument, NULL, 'I'},
    {"addresses", required_argument, NULL, 'a'},   {"hold", no_argument, NULL, 'h'},
    {"ids", required_argument, NULL, 'D'},         {"missed", required_argument, NULL, 'm'},
    {0},
};

static enum protocol read_protocol(const char *name)
{
    static const char *const names[] = {[TIDEWIRE] = "tidewire", [PLAIN] = "plain", [POCKETBASE] = "pocketbase",
                                        [GRAPHQL] = "graphql"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return (enum protocol)i;
    die("--protocol: tidewire, plain, pocketbase or graphql, not %s", name);
}

static void read_options(int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 'p': options.port = (uint16_t)number_argument("port", optarg, 65535); break;
        case 'u': options.path = optarg; break;
        case 'P': options.protocol = read_protocol(optarg); break;
        case 'R': options.row = optarg; break;
        case 'S': options.shared = true; break;
        case 'd': options.deflate = true; break;
        case 'o': options.pong = true; break;
        case 'n': options.subscriptions = number_argument("subscriptions", optarg, 1000); break;
        case 'F': options.first = number_argument("first", optarg, 1000000); break;
        case 's': options.subscribers = number_argument("subscribers", optarg, 1000000); break;
        case 'C': options.connecting = number_argument("connecting", optarg, 4096); break;
        case 'f': read_request(optarg); break;
        case 'r': options.requests = number_argument("requests", optarg, 10000000); break;
        case 'w': options.warm_up = number_argument("warm-up", optarg, 10000000); break;
        case 'i': options.in_flight = number_argument("in-flight", optarg, 4096); break;
        case 'I': options.interval_ns = number_argument("interval-us", optarg, 10000000) * 1000; break;
        case 'a': options.addresses = number_argument("addresses", optarg, 200); break;
        case 'h': options.hold = true; break;
        case 'D': options.ids = number_argument("ids", optarg, 65535); break;
        case 'm': options.missed = number_argument("missed", optarg, 10000); break;
        default: die("unknown option");
        }
    }
    if (optind != argc || options.port == 0 || options.addresses == 0 || options.connecting == 0 ||
        options.in_flight == 0 || options.warm_up > options.requests ||
        (options.requests > 0 && (options.request.length == 0 || options.warm_up == options.requests)))
        die("usage: client --port N [--path P --row R --subscribers N] [--request-file F --requests N --warm-up N]");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    raise_file_limit(options.subscribers + options.connecting + options.in_flight + 16);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die_errno("epoll_create1");
    if (options.subscribers > 0)
        connect_subscribers();
    if (options.requests > 0)
        send_requests();
    if (options.hold)
        hold();
    return 0;
}
