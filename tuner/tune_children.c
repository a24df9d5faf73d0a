/* What composites find inside: the leaves' choices, as race.h takes them. */
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum { LINE_MAX_BYTES = 1024 };

vlt_status vlt_tuner_note_children(vlt_tuner *tuner, vlt_error *err)
{
    size_t used = 0;
    char *text = calloc((size_t)tuner->item_count + 1, LINE_MAX_BYTES);
    if (!text) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    for (int i = 0; i < tuner->item_count; i++) {
        const vlt_tune_item *item = &tuner->item[i];
        char knobs[VLT_SETTING_BYTES];
        if (item->kind != VLT_TUNE_LEAF || !vlt_item_differs(item)) {
            continue;
        }
        vlt_binding_format(item->choice.variant, &item->choice.binding, knobs, sizeof knobs);
        if (used) {
            text[used++] = '\n'; /* a format would show it as text */
        }
        vlt_utf8_format(text + used, LINE_MAX_BYTES - 1, "%s|%s|%s|%s", item->met.op,
                        item->met.bucket, item->choice.variant->name, knobs);
        used += strlen(text + used);
    }
    free(tuner->children);
    tuner->children = text;
    return VLT_OK;
}
