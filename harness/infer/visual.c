#include "harness/infer/visual.h"

#include <stdlib.h>

vlt_status vlt_visual_load(vlt_engine *engine, const vlt_media *media, const char *files,
                           vlt_visual *out, vlt_visual_times *times, vlt_error *err)
{
    (void)engine;
    (void)files;
    (void)times;
    *out = (vlt_visual){0};
    return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "image '%.64s': no images yet",
                    media->source ? media->source : "");
}

void vlt_visual_release(vlt_visual *visual)
{
    free(visual->patches);
    *visual = (vlt_visual){0};
}
