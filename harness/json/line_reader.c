#include "harness/json/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16, LINE_MAX = 1 << 30 };

vlt_status vlt_line_reader_open(const char *path, vlt_line_reader *out, vlt_error *err)
{
    bool standard = !strcmp(path, "-");
    *out = (vlt_line_reader){.name = standard ? "standard input" : path,
                             .file = standard ? STDIN_FILENO : vlt_input_open(path)};
    return out->file >= 0 ? VLT_OK : vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
}

void vlt_line_reader_close(vlt_line_reader *reader)
{
    if (reader->file > STDIN_FILENO) {
        close(reader->file);
    }
    free(reader->ahead.data);
    *reader = (vlt_line_reader){.file = -1};
}

/* More bytes behind those that wait; `ended` at the end. */
static vlt_status read_more(vlt_line_reader *reader, vlt_error *err)
{
    vlt_buffer *ahead = &reader->ahead;
    char piece[PIECE];
    size_t got;
    if (reader->at) {
        ahead->bytes -= reader->at;
        memmove(ahead->data, ahead->data + reader->at, ahead->bytes);
        reader->at = 0;
    }
    if (ahead->bytes > LINE_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s line %lld: more than %d bytes", reader->name,
                        (long long)reader->line + 1, LINE_MAX);
    }
    vlt_status status = vlt_input_read(reader->file, reader->name,
                                       reader->stop.asked ? &reader->stop : NULL, piece,
                                       sizeof piece, &got, err);
    if (status == VLT_OK) {
        reader->ended = got == 0;
        vlt_buffer_put(ahead, piece, got);
    }
    return status == VLT_OK && ahead->failed
               ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", reader->name)
               : status;
}

/* A whole line into *line; at the end of the input the rest. */
static vlt_status take_line(vlt_line_reader *reader, vlt_buffer *line, bool *found, vlt_error *err)
{
    const vlt_buffer *ahead = &reader->ahead;
    const char *feed = NULL;
    size_t searched = 0; /* of the bytes that wait */
    for (;;) {
        size_t waiting = ahead->bytes - reader->at;
        const char *start = waiting ? ahead->data + reader->at : NULL;
        feed = waiting > searched ? memchr(start + searched, '\n', waiting - searched) : NULL;
        *found = feed || (reader->ended && waiting);
        if (*found) {
            size_t bytes = feed ? (size_t)(feed - start) + 1 : waiting;
            line->bytes = 0;
            vlt_buffer_put(line, start, bytes);
            reader->at += bytes;
            reader->line++;
        }
        if (*found || reader->ended) {
            return line->failed ? vlt_fail(err, VLT_STATUS_NOMEM, "%s line %lld: out of memory",
                                           reader->name, (long long)reader->line)
                                : VLT_OK;
        }
        searched = waiting;
        vlt_status status = read_more(reader, err);
        if (status != VLT_OK) {
            return status;
        }
    }
}

vlt_status vlt_line_reader_next(vlt_line_reader *reader, vlt_buffer *line, bool *found,
                                vlt_error *err)
{
    for (;;) {
        vlt_status status = take_line(reader, line, found, err);
        if (status != VLT_OK || !*found) {
            return status;
        }
        while (line->bytes &&
               (line->data[line->bytes - 1] == '\n' || line->data[line->bytes - 1] == '\r')) {
            line->data[--line->bytes] = '\0';
        }
        for (size_t i = 0; i < line->bytes; i++) {
            if (line->data[i] != ' ' && line->data[i] != '\t') {
                return VLT_OK;
            }
        }
    }
}

vlt_status vlt_line_reader_return(vlt_line_reader *reader, const vlt_buffer *line, vlt_error *err)
{
    vlt_buffer ahead = {0};
    vlt_buffer_put(&ahead, line->data, line->bytes);
    vlt_buffer_put(&ahead, "\n", 1);
    if (reader->ahead.bytes > reader->at) {
        vlt_buffer_put(&ahead, reader->ahead.data + reader->at, reader->ahead.bytes - reader->at);
    }
    if (ahead.failed) {
        free(ahead.data);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s line %lld: out of memory", reader->name,
                        (long long)reader->line);
    }
    free(reader->ahead.data);
    reader->ahead = ahead;
    reader->at = 0;
    reader->line--;
    return VLT_OK;
}

bool vlt_line_reader_ready(const vlt_line_reader *reader)
{
    const size_t waiting = reader->ahead.bytes - reader->at;
    struct pollfd poll_file = {.fd = reader->file, .events = POLLIN};
    return reader->ended || (waiting && memchr(reader->ahead.data + reader->at, '\n', waiting)) ||
           poll(&poll_file, 1, 0) != 0;
}
