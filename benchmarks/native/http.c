#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEAD 65536

static void read_head(struct http_reader *reader)
{
    const char *length = http_header(reader, "content-length");
    if (length != NULL)
        reader->body_length = strtoull(length, NULL, 10);
    else if (http_header(reader, "transfer-encoding") != NULL)
        die("HTTP message without Content-Length:\n%s", reader->text.data);
}

size_t http_feed(struct http_reader *reader, const char *data, size_t length)
{
    size_t taken = 0;
    if (reader->head_length == 0) {
        size_t before = reader->text.length;
        buffer_append(&reader->text, data, length);
        const char *end = memmem(reader->text.data, reader->text.length, "\r\n\r\n", 4);
        if (end == NULL) {
            if (reader->text.length > MAX_HEAD)
                die("HTTP head of more than %d bytes", MAX_HEAD);
            return length;
        }
        reader->head_length = (size_t)(end - reader->text.data) + 4;
        reader->text.length = reader->head_length;
        reader->text.data[reader->head_length] = '\0';
        taken = reader->head_length - before;
        read_head(reader);
    }
    size_t missing = reader->head_length + reader->body_length - reader->text.length;
    size_t rest = length - taken < missing ? length - taken : missing;
    buffer_append(&reader->text, data + taken, rest);
    return taken + rest;
}

bool http_complete(const struct http_reader *reader)
{
    return reader->head_length > 0 && reader->text.length == reader->head_length + reader->body_length;
}

int http_status(const struct http_reader *reader)
{
    int status;
    if (sscanf(reader->text.data, "HTTP/1.1 %3d", &status) != 1)
        die("not an HTTP response:\n%s", reader->text.data);
    return status;
}

const char *http_header(const struct http_reader *reader, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(reader->text.data, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (line >= reader->text.data + reader->head_length)
            return NULL;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

void http_reset(struct http_reader *reader)
{
    /* The buffer stays: the next message on this connection is about as long. */
    reader->text.length = 0;
    reader->head_length = 0;
    reader->body_length = 0;
}
