#include <assert.h>
#include <string.h>

#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_internal.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"

enum { EXIF_PREFIX = 6, JOINED_MAX = 1 << 16 };

static_assert(VLT_IMAGE_PIXELS_MAX == VLT_JPEG_PIXELS_MAX, "one limit");

/* What the APP1 segments say, seen one after the other. */
struct orientation {
    bool seen;
    int first;    /* EXIF of the first segment, which is what torch takes for it */
    int from_xmp; /* of the last XMP packet */
    uint8_t joined[JOINED_MAX];
    size_t used;
};

static bool begins_with(const uint8_t *data, size_t bytes, const char *text, size_t length)
{
    return bytes >= length && !memcmp(data, text, length);
}

/* EXIF of a JPEG may be cut into several segments: Pillow joins them. Orientation stands in the
 * first kilobytes, so a bounded join is as good. */
static void see_segment(void *user, int app, const uint8_t *data, size_t bytes)
{
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    struct orientation *found = user;
    if (app != 1) {
        return;
    }
    if (!found->seen && bytes > EXIF_PREFIX) {
        found->first = vlt_exif_orientation(data + EXIF_PREFIX, bytes - EXIF_PREFIX, false);
    }
    found->seen = true;
    if (begins_with(data, bytes, exif, sizeof exif)) {
        size_t from = found->used ? EXIF_PREFIX : 0, room = sizeof found->joined - found->used;
        size_t taken = bytes - from < room ? bytes - from : room;
        memcpy(found->joined + found->used, data + from, taken);
        found->used += taken;
    } else if (begins_with(data, bytes, xmp, sizeof xmp)) {
        found->from_xmp = vlt_xmp_orientation(data, bytes);
    }
}

static int joined_orientation(const struct orientation *found)
{
    int orientation = vlt_exif_orientation_prefixed(found->joined, found->used);
    return orientation ? orientation : found->from_xmp;
}

vlt_status vlt_image_decode_jpeg(vlt_context *context, const uint8_t *data, size_t bytes,
                                 const vlt_image_policy *policy, vlt_image *image, vlt_error *err)
{
    vlt_jpeg_info info;
    struct orientation found;
    vlt_plan *plan = NULL;
    int64_t reached = 0;
    found.seen = false;
    found.first = found.from_xmp = 0;
    found.used = 0;
    vlt_status status = vlt_jpeg_inspect(data, bytes, see_segment, &found, &info, err);
    if (status == VLT_OK) {
        status = vlt_image_alloc(image, info.h, info.w, "JPEG", err);
    }
    if (status != VLT_OK) {
        return status;
    }
    vlt_problem problem = vlt_jpeg_decode_problem(&info);
    vlt_jpeg_decode_args args = {.data = data,
                                 .data_bytes = bytes,
                                 .rgb = image->rgb,
                                 .stride = info.w * 3,
                                 .strict = policy->strict,
                                 .rows_reached = &reached};
    status = vlt_plan_create(context, &problem, &plan, err);
    if (status == VLT_OK) {
        status = vlt_plan_run(plan, &args, err);
    }
    vlt_plan_destroy(plan);
    image->rows_missing = info.h - reached;
    image->orientation = policy->pillow ? joined_orientation(&found) : found.first;
    return status;
}
