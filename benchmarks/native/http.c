#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEAD 65536

static void read_chunk_size(struct chunk_reader *reader)
{
    char *end;
    reader->line[reader->line_length] = '\0';
    reader->line_length = 0;
    size_t size = strtoull(reader->line, &end, 16);
    if (end == reader->line || *end != '\r')
        die("not the size of a chunk: %s", reader->line);
    reader->last = size == 0;
    reader->left = size + strlen("\r\n");
}

size_t chunk_feed(struct chunk_reader *reader, const char *data, size_t length, size_t *content_length)
{
    *content_length = 0;
    if (reader->left > 0) {
        size_t content = reader->left > 2 ? reader->left - 2 : 0;
        size_t taken = content == 0 ? 1 : length < content ? length : content;
        *content_length = content == 0 ? 0 : taken;
        reader->left -= taken;
        reader->ended = reader->last && reader->left == 0;
        return taken;
    }
    if (*data == '\n') {
        read_chunk_size(reader);
    } else {
        if (reader->line_length == sizeof reader->line - 1)
            die("a chunk without a size");
        reader->line[reader->line_length++] = *data;
    }
    return 1;
}

static size_t read_chunks(struct http_reader *reader, const char *data, size_t length)
{
    size_t taken = 0;
    while (taken < length && !reader->chunks.ended) {
        size_t content;
        taken += chunk_feed(&reader->chunks, data + taken, length - taken, &content);
        buffer_append(&reader->text, data + taken - content, content);
    }
    return taken;
}

static void read_head(struct http_reader *reader)
{
    if (reader->head_only)
        return;
    const char *length = http_header(reader, "content-length");
    if (length != NULL)
        reader->body_length = strtoull(length, NULL, 10);
    else
        reader->chunked = http_header(reader, "transfer-encoding") != NULL;
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
    if (reader->chunked)
        return taken + read_chunks(reader, data + taken, length - taken);
    size_t missing = reader->head_length + reader->body_length - reader->text.length;
    size_t rest = length - taken < missing ? length - taken : missing;
    buffer_append(&reader->text, data + taken, rest);
    return taken + rest;
}

bool http_complete(const struct http_reader *reader)
{
    if (reader->chunked)
        return reader->chunks.ended;
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
    reader->chunked = false;
    reader->chunks = (struct chunk_reader){0};
}
