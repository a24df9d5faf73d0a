#include "tuner/report.h"

#include <stdlib.h>

const char *vlt_tune_how_name(vlt_tune_how how)
{
    static const char *const names[] = {NULL, "measured", "rows", "layers", "composed"};
    return names[how];
}

const char *vlt_tune_end_name(vlt_tune_end end)
{
    static const char *const names[] = {"complete", "budget reached", "interrupted"};
    return names[end];
}

void vlt_report_release(vlt_report *result)
{
    for (int i = 0; i < result->answer_count; i++) {
        free(result->answer[i].question);
        free(result->answer[i].baseline);
        free(result->answer[i].tuned);
        free(result->answer[i].truth);
    }
    free(result->row);
    free(result->note);
    json_decref(result->trust);
    *result = (vlt_report){0};
}
