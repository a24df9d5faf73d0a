#include "harness/cli/batch_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/file_lock.h"

static const char *name_of(const vlt_batch_output *output)
{
    return output->path ? output->path : "standard output";
}

static vlt_status failed_file(const vlt_batch_output *output, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_IO, "%s: %s", name_of(output), strerror(errno));
}

/* The disk is full, or the file as large as it may be. Whole lines stay, and what a file holds is
 * gone on with: said where a person would begin anew. */
static vlt_status say_cut(const vlt_batch_output *output, vlt_status status, vlt_error *err)
{
    char said[VLT_ERROR_BYTES];
    if (!output->continued || !err) {
        return status;
    }
    memcpy(said, err->message, strlen(err->message) + 1);
    return vlt_fail(err, status, "%s, after %lld answers; the same command goes on from there",
                    said, (long long)output->done);
}

/* The file for this process alone; nothing of it is lost yet. */
static vlt_status take_file(vlt_batch_output *output, const vlt_line_reader *input, vlt_error *err)
{
    const char *path = output->path;
    struct stat info, read_from;
    output->continued = stat(path, &info) != 0 || S_ISREG(info.st_mode);
    int file = open(path, (output->continued ? O_RDWR | O_CREAT : O_WRONLY) | O_CLOEXEC, 0666);
    output->stream = file >= 0 ? fdopen(file, output->continued ? "r+" : "w") : NULL;
    if (!output->stream) {
        vlt_status status = failed_file(output, err);
        if (file >= 0) {
            close(file);
        }
        return status;
    }
    if (output->continued && fstat(file, &info) == 0 && fstat(input->file, &read_from) == 0 &&
        info.st_dev == read_from.st_dev && info.st_ino == read_from.st_ino) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: the output is the input", path);
    }
    return vlt_file_lock_open(file, path, err);
}

vlt_status vlt_batch_output_open(vlt_batch_output *output, const vlt_batch *batch, vlt_error *err)
{
    output->path = vlt_cli_text(output->cli, "output", NULL);
    output->stream = stdout;
    output->renewing = -1;
    if (!output->path) {
        return VLT_OK;
    }
    vlt_status status = take_file(output, batch->input, err);
    return status == VLT_OK && output->continued
               ? vlt_batch_resume(batch, output->stream, output->path, &output->progress, err)
               : status;
}

vlt_status vlt_batch_output_continue(vlt_batch_output *output, vlt_error *err)
{
    const vlt_batch_progress *progress = &output->progress;
    if (!output->continued) {
        return VLT_OK;
    }
    vlt_status status = vlt_batch_check_engine(output->engine, progress, output->path, err);
    if (status == VLT_OK && (ftruncate(fileno(output->stream), progress->bytes) != 0 ||
                             fseeko(output->stream, progress->bytes, SEEK_SET) != 0)) {
        status = failed_file(output, err);
    }
    if (status == VLT_OK && progress->lines) {
        vlt_cli_info(output->cli, "%s: goes on behind %lld answers", output->path,
                     (long long)progress->lines);
    }
    if (status == VLT_OK && progress->again_count) {
        vlt_cli_info(output->cli, "%s: %lld lines found no memory and are answered again",
                     output->path, (long long)progress->again_count);
    }
    output->done = progress->lines - progress->again_count;
    output->failed = progress->failed - progress->again_count;
    return status;
}

/* Bytes of the old file up to `end`, as they are. */
static vlt_status copy_up_to(vlt_batch_output *output, int64_t end, vlt_error *err)
{
    char piece[1 << 14];
    if (fseeko(output->old, output->copied, SEEK_SET) != 0) {
        return failed_file(output, err);
    }
    while (output->copied < end) {
        const int64_t left = end - output->copied;
        const size_t wanted = left < (int64_t)sizeof piece ? (size_t)left : sizeof piece;
        const size_t got = fread(piece, 1, wanted, output->old);
        if (got == 0 || fwrite(piece, 1, got, output->stream) != got) {
            return failed_file(output, err);
        }
        output->copied += (int64_t)got;
    }
    return VLT_OK;
}

/* To the place of the next line that is answered again, whose error is left out. */
static vlt_status next_place(vlt_batch_output *output, vlt_error *err)
{
    const vlt_batch_again *again = &output->progress.again[output->renewing];
    vlt_status status = copy_up_to(output, again->at, err);
    output->copied += again->bytes;
    output->renewing++;
    return status;
}

/* The new file takes the old one's place, with the errors that were not come to as they were. */
static vlt_status end_renewing(vlt_batch_output *output, vlt_error *err)
{
    const int64_t left = output->progress.again_count - output->renewing;
    vlt_status status = copy_up_to(output, output->progress.bytes, err);
    output->renewing = -1;
    output->done += left;
    output->failed += left;
    if (status == VLT_OK) {
        status = vlt_file_lock_open(fileno(output->stream), output->path, err);
    }
    if (status == VLT_OK) {
        status = vlt_new_file_commit(&output->renewed, err);
    }
    return status;
}

vlt_status vlt_batch_output_renew(vlt_batch_output *output, const vlt_batch *batch, vlt_error *err)
{
    vlt_batch_progress *progress = &output->progress;
    vlt_line_reader lines = {
        .file = -1, .name = batch->input->name, .ahead = progress->again_text, .ended = true};
    vlt_batch again = *batch;
    if (!progress->again_count) {
        return VLT_OK;
    }
    vlt_status status = vlt_new_file_open(output->path, VLT_NEW_FILE_SHARED, &output->renewed, err);
    if (status != VLT_OK) {
        return status;
    }
    again.input = &lines;
    progress->again_text = (vlt_buffer){0};
    output->old = output->stream;
    output->stream = output->renewed.stream;
    output->renewing = 0;
    status = vlt_batch_run(output->engine, &again, NULL, err);
    const vlt_status ended = end_renewing(output, status == VLT_OK ? err : NULL);
    vlt_line_reader_close(&lines);
    return status != VLT_OK ? status : ended != VLT_OK ? say_cut(output, ended, err) : VLT_OK;
}

void vlt_batch_output_asked(void *user, const char *members)
{
    vlt_batch_output *output = user;
    output->asked.bytes = 0;
    output->asked.failed = false;
    vlt_buffer_text(&output->asked, members);
}

static vlt_status put_line(const vlt_batch_output *output, vlt_error *err)
{
    const vlt_buffer *text = &output->writer.text;
    if (text->failed || output->asked.failed) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "writing JSON: out of memory");
    }
    return fwrite(text->data, 1, text->bytes, output->stream) == text->bytes &&
                   fflush(output->stream) == 0
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_IO, "writing JSON: %s", strerror(errno));
}

/* Instead of the object's last brace. failed: the name of an error, or NULL. */
static void put_asked(vlt_batch_output *output, const char *failed)
{
    vlt_buffer *text = &output->writer.text;
    text->bytes -= !text->failed;
    vlt_buffer_text(text, ", \"request\": {");
    if (output->asked.bytes) {
        vlt_buffer_put(text, output->asked.data, output->asked.bytes);
    }
    if (failed) {
        vlt_buffer_print(text, "%s\"failed\": \"%s\"", output->asked.bytes ? ", " : "", failed);
    }
    vlt_buffer_text(text, "}}\n");
}

static void put_error(vlt_batch_output *output, const char *id, const vlt_error *error)
{
    vlt_buffer *text = &output->writer.text;
    text->bytes = 0;
    text->failed = false;
    vlt_buffer_print(text, "{\"id\": %s, \"error\": ", id);
    vlt_buffer_json_string(text, error->message, strlen(error->message));
    vlt_buffer_text(text, "}");
    put_asked(output, vlt_status_name(error->status));
}

vlt_status vlt_batch_output_answer(void *user, const char *id, const vlt_response *response,
                                   const vlt_error *error, vlt_error *err)
{
    vlt_batch_output *output = user;
    vlt_error failure = error ? *error : (vlt_error){0};
    vlt_status status = output->renewing >= 0 ? next_place(output, err) : VLT_OK;
    if (status != VLT_OK) {
        return say_cut(output, status, err);
    }
    if (response) {
        failure.status = vlt_answer_write(&output->writer, id, output->engine, response, &failure);
    }
    if (failure.status == VLT_OK) {
        put_asked(output, NULL);
    } else {
        put_error(output, id, &failure);
        output->failed++;
    }
    status = put_line(output, err);
    if (status != VLT_OK) {
        return say_cut(output, vlt_fail_in(err, status, "%s: ", name_of(output)), err);
    }
    vlt_cli_progress(output->cli, "%lld answers", (long long)++output->done);
    return VLT_OK;
}

vlt_status vlt_batch_output_close(vlt_batch_output *output, vlt_status status, vlt_error *err)
{
    FILE *file = output->renewed.stream ? output->old : output->stream;
    bool lost = false;
    if (output->renewed.stream) {
        lost = fflush(output->renewed.stream) != 0;
        vlt_new_file_discard(&output->renewed);
    }
    lost = (file && file != stdout && fclose(file) != 0) || lost;
    vlt_answer_writer_release(&output->writer);
    vlt_batch_progress_release(&output->progress);
    free(output->asked.data);
    return lost && status == VLT_OK ? say_cut(output, failed_file(output, err), err) : status;
}
