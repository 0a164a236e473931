/* HTTP/1.1 messages, read piece by piece: the head is kept, the body is kept too (all are small). */
#ifndef BENCHMARK_HTTP_H
#define BENCHMARK_HTTP_H

#include "common.h"

/* The chunks of a body (RFC 9112, section 7.1). */
struct chunk_reader {
    size_t left;          /* bytes of the chunk not read yet, the end of its line included */
    char line[16];        /* of the next chunk, up to its size */
    size_t line_length;
    bool last;            /* the chunk being read is the empty one */
    bool ended;           /* and was read */
};

/*
 * Take bytes from the front of `data`, at least one; returns how many were taken. The last `*content_length` of them
 * are content of a chunk.
 */
size_t chunk_feed(struct chunk_reader *reader, const char *data, size_t length, size_t *content_length);

struct http_reader {
    struct buffer text;  /* head and body of the message being read */
    size_t head_length;  /* 0 until the blank line was seen */
    size_t body_length;  /* from Content-Length; meaningful once the head is complete */
    bool chunked;        /* the body's chunks are joined */
    struct chunk_reader chunks;
    bool head_only;      /* set by the caller: the message is complete with its head, what follows is not read */
};

/*
 * Take bytes of one message from the front of `data`; returns how many were taken. Once http_complete() holds,
 * the rest of `data` belongs to whatever follows. Dies on a message it cannot delimit.
 */
size_t http_feed(struct http_reader *reader, const char *data, size_t length);

bool http_complete(const struct http_reader *reader);

/* Status of a complete response; dies if the first line is not a status line. */
int http_status(const struct http_reader *reader);

/* Value of a header of a complete head (up to the line's end), or NULL. */
const char *http_header(const struct http_reader *reader, const char *name);

/* Forget the message, be ready for the next. */
void http_reset(struct http_reader *reader);

#endif
