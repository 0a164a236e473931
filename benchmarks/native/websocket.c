#include "websocket.h"

#include <string.h>

static size_t header_size(const struct frame_reader *reader)
{
    if (reader->header_length < 2)
        return 2;
    size_t size = 2;
    switch (reader->header[1] & 0x7f) {
    case 126: size += 2; break;
    case 127: size += 8; break;
    default: break;
    }
    return reader->header[1] & 0x80 ? size + 4 : size;
}

static uint64_t big_endian(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void read_header(struct frame_reader *reader)
{
    const uint8_t *header = reader->header;
    if (header[0] & (reader->may_be_compressed ? 0x30 : 0x70))
        die("WebSocket frame with reserved bits that were not negotiated");
    reader->compressed = header[0] & 0x40;
    reader->final = header[0] & 0x80;
    reader->opcode = header[0] & 0x0f;
    uint8_t length = header[1] & 0x7f;
    reader->size = length == 126 ? big_endian(header + 2, 2) : length == 127 ? big_endian(header + 2, 8) : length;
    if (header[1] & 0x80)
        memcpy(reader->mask, header + reader->header_length - 4, 4);
    else
        memset(reader->mask, 0, 4);
    reader->position = 0;
    reader->in_payload = true;
}

size_t frame_feed(struct frame_reader *reader, const uint8_t *data, size_t length, struct frame_piece *piece,
                  bool *have_piece)
{
    size_t taken = 0;
    *have_piece = false;
    if (!reader->in_payload) {
        while (reader->header_length < header_size(reader)) {
            if (taken == length)
                return taken;
            reader->header[reader->header_length++] = data[taken++];
        }
        read_header(reader);
    }
    uint64_t missing = reader->size - reader->position;
    size_t rest = length - taken < missing ? length - taken : (size_t)missing;
    *piece = (struct frame_piece){
        .opcode = reader->opcode,
        .data = data + taken,
        .length = rest,
        .offset = reader->position,
        .frame_complete = rest == missing,
        .final = reader->final,
    };
    reader->position += rest;
    if (piece->frame_complete) {
        reader->in_payload = false;
        reader->header_length = 0;
    }
    *have_piece = true;
    return taken + rest;
}

void frame_unmask(const struct frame_reader *reader, const struct frame_piece *piece, struct buffer *buffer)
{
    size_t start = buffer->length;
    buffer_append(buffer, piece->data, piece->length);
    for (size_t i = 0; i < piece->length; i++)
        buffer->data[start + i] ^= (char)reader->mask[(piece->offset + i) % 4];
}

void frame_append(struct buffer *buffer, uint8_t opcode, const char *payload, size_t length, bool masked)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t header[14] = {(uint8_t)(0x80 | opcode)};
    size_t size = 2;
    if (length < 126) {
        header[1] = (uint8_t)length;
    } else if (length < 65536) {
        header[1] = 126;
        header[size++] = (uint8_t)(length >> 8);
        header[size++] = (uint8_t)length;
    } else {
        header[1] = 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            header[size++] = (uint8_t)((uint64_t)length >> shift);
    }
    if (masked) {
        header[1] |= 0x80;
        memcpy(header + size, mask, 4);
        size += 4;
    }
    buffer_append(buffer, header, size);
    size_t start = buffer->length;
    buffer_append(buffer, payload, length);
    for (size_t i = 0; masked && i < length; i++)
        buffer->data[start + i] ^= (char)mask[i % 4];
}
