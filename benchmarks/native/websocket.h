/* RFC 6455 framing: an incremental reader of frames and a writer of small masked ones. */
#ifndef BENCHMARK_WEBSOCKET_H
#define BENCHMARK_WEBSOCKET_H

#include "common.h"

enum { OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };

struct frame_reader {
    uint8_t header[14];
    uint8_t header_length;
    uint8_t opcode;
    bool final;
    bool compressed;       /* RSV1 of this frame */
    bool may_be_compressed; /* set by the caller: permessage-deflate was negotiated (RFC 7692) */
    bool in_payload;
    uint64_t position; /* payload bytes already handed out */
    uint64_t size;     /* payload bytes of this frame */
    uint8_t mask[4];   /* zeros for an unmasked frame */
};

struct frame_piece {
    uint8_t opcode;
    const uint8_t *data; /* still masked, see frame_unmask() */
    size_t length;
    uint64_t offset;     /* of this piece within the frame's payload */
    bool frame_complete;
    bool final;          /* FIN of the frame */
};

/*
 * Take bytes from the front of `data` up to the end of a frame, at most; returns how many were taken. Returns true
 * in `*have_piece` if `piece` was filled, false if only (part of) a header was read.
 */
size_t frame_feed(struct frame_reader *reader, const uint8_t *data, size_t length, struct frame_piece *piece,
                  bool *have_piece);

/* Append the piece to `buffer`, unmasked. */
void frame_unmask(const struct frame_reader *reader, const struct frame_piece *piece, struct buffer *buffer);

/* Append one complete frame. A client masks (`masked`), a server does not. */
void frame_append(struct buffer *buffer, uint8_t opcode, const char *payload, size_t length, bool masked);

#endif
