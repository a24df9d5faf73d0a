/* Going on with a half-written output of a batch. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch.h"
#include "harness/infer/batch_line.h"
#include "optimizations/core/utf8_text.h"

/* The id of a line as vlt_batch_line_read gives it: "null" where it cannot be read. NULL: no
 * memory. Of an answer also whether it is an error; *whole is false for what is no object. */
static char *id_of(const char *text, size_t bytes, bool *whole, bool *failed)
{
    vlt_tree_document *document = NULL;
    char *id = NULL;
    *whole = *failed = false;
    if (vlt_tree_parse(text, bytes, "line", true, &document, NULL) == VLT_OK) {
        const vlt_tree *root = vlt_tree_root(document);
        *whole = vlt_tree_get(root, "id") != NULL;
        *failed = vlt_tree_get(root, "error") != NULL;
        if (vlt_batch_id(root, &id, NULL) == VLT_STATUS_NOMEM) {
            *whole = false;
        }
    }
    vlt_tree_destroy(document);
    return id ? id : strdup("null");
}

static vlt_status compare_ids(const char *answer, size_t answer_bytes, const vlt_buffer *line,
                              const char *input_name, const char *output_name,
                              vlt_batch_progress *progress, vlt_error *err)
{
    bool whole, failed, ignored;
    vlt_status status = VLT_OK;
    char *wanted = id_of(line->data, line->bytes, &ignored, &ignored);
    char *found = id_of(answer, answer_bytes, &whole, &failed);
    if (!wanted || !found) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", output_name);
    } else if (!whole || strcmp(found, wanted)) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s line %" PRId64 " has the id %s, %s has %s there: not an output of "
                          "this input",
                          output_name, progress->lines + 1,
                          whole ? vlt_quoted_word(found).text : "none", input_name,
                          vlt_quoted_word(wanted).text);
    }
    progress->failed += failed;
    free(wanted);
    free(found);
    return status;
}

vlt_status vlt_batch_resume(vlt_line_reader *input, FILE *output, const char *output_name,
                            vlt_batch_progress *progress, vlt_error *err)
{
    vlt_buffer line = {0};
    char *answer = NULL;
    size_t room = 0;
    vlt_status status = VLT_OK;
    rewind(output);
    *progress = (vlt_batch_progress){0};
    while (status == VLT_OK) {
        bool found = false;
        ssize_t length = getline(&answer, &room, output);
        if (length <= 0 || answer[length - 1] != '\n') {
            break; /* the end, or a line that was cut: it is written again */
        }
        status = vlt_line_reader_next(input, &line, &found, err);
        if (status == VLT_OK && !found) {
            status = vlt_fail(err, VLT_STATUS_INPUT,
                              "%s has more than %" PRId64 " lines, %s has only so many",
                              output_name, progress->lines, input->name);
        }
        if (status == VLT_OK) {
            status = compare_ids(answer, (size_t)length, &line, input->name, output_name, progress,
                                 err);
        }
        progress->lines += status == VLT_OK;
        progress->bytes += status == VLT_OK ? length : 0;
    }
    free(line.data);
    free(answer);
    return status;
}
