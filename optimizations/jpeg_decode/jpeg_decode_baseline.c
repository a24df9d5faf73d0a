/* libjpeg-turbo's API row by row, on one thread. */
#include "optimizations/jpeg_decode/jpeg_reader.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    return vlt_jpeg_decode_plain(args, plan->problem.dim[VLT_JPEG_DECODE_DIM_H],
                                 plan->problem.dim[VLT_JPEG_DECODE_DIM_W], err);
}

VLT_VARIANT(jpeg_decode, baseline, .summary = "libjpeg-turbo, row by row", .run = run);
