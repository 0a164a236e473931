/* What both programs need: failing loudly, time, growing buffers, sockets. */
#ifndef BENCHMARK_COMMON_H
#define BENCHMARK_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A subscription id as the SDKs make it: this many hexadecimal digits. */
#define SUBSCRIPTION_ID_LENGTH 20

/* Print one line to stderr and exit with status 1. A benchmark that goes on after an error measures nothing. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As die(), with the text of errno behind. */
_Noreturn void die_errno(const char *what);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* Nanoseconds of processor time that this process has used. */
uint64_t cpu_ns(void);

/* A decimal number from a command line, from 0 to `most`; dies on anything else. */
uint64_t number_argument(const char *name, const char *text, uint64_t most);

/* calloc() that never returns NULL. */
void *allocate(size_t count, size_t size);

struct buffer {
    char *data; /* NULL when empty; always ends in a NUL that `length` does not count */
    size_t length;
    size_t capacity;
};

void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_free(struct buffer *buffer);

/* Lift the soft limit of open files to the hard one; dies if fewer than `needed` are allowed. */
void raise_file_limit(size_t needed);

/* Make small writes leave at once: both programs write whole messages. */
void disable_nagle(int fd);

/*
 * A client that has sent something acknowledges later data with a delay, and on loopback the client's kernel then does
 * so while the server sends, on the server's core. Between two machines it cannot; so it is kept from it here.
 */
void acknowledge_at_once(int fd);

#endif
