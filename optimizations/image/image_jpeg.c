#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_internal.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"

enum { EXIF_PREFIX = 6 };

static_assert(VLT_IMAGE_PIXELS_MAX == VLT_JPEG_PIXELS_MAX, "one limit");

/* What the segments say of the orientation, seen one after the other. */
struct segments {
    bool seen;     /* an APP1 */
    int torch;     /* EXIF of the first APP1, which is what torch takes for it */
    int xmp;       /* of the last XMP packet */
    bool has_dpi;  /* JFIF says a resolution */
    uint8_t *exif; /* all EXIF segments joined, as Pillow does, owned */
    size_t exif_bytes;
    bool no_memory;
};

static bool begins_with(const uint8_t *data, size_t bytes, const char *text, size_t length)
{
    return bytes >= length && !memcmp(data, text, length);
}

static void join_exif(struct segments *found, const uint8_t *data, size_t bytes)
{
    size_t from = found->exif_bytes ? EXIF_PREFIX : 0, more = bytes - from;
    uint8_t *joined = realloc(found->exif, found->exif_bytes + more);
    if (!joined) {
        found->no_memory = true;
        return;
    }
    memcpy(joined + found->exif_bytes, data + from, more);
    found->exif = joined;
    found->exif_bytes += more;
}

static void see_segment(void *user, int app, const uint8_t *data, size_t bytes)
{
    enum { JFIF_UNIT = 7, JFIF_BYTES = 12 };
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    struct segments *found = user;
    if (app == 0) {
        found->has_dpi = found->has_dpi ||
                         (begins_with(data, bytes, "JFIF", 4) && bytes >= JFIF_BYTES &&
                          (data[JFIF_UNIT] == 1 || data[JFIF_UNIT] == 2));
        return;
    }
    if (!found->seen && bytes > EXIF_PREFIX) {
        found->torch = vlt_exif_as_torch(data + EXIF_PREFIX, bytes - EXIF_PREFIX);
    }
    found->seen = true;
    if (begins_with(data, bytes, exif, sizeof exif)) {
        join_exif(found, data, bytes);
    } else if (begins_with(data, bytes, xmp, sizeof xmp)) {
        found->xmp = vlt_xmp_orientation(data, bytes);
    }
}

/* Pillow looks for the resolution in EXIF where JFIF has none, while it opens the file; if it fails
 * over EXIF there, it goes on without EXIF and XMP. */
static vlt_status orient(const struct segments *found, const vlt_image_policy *policy,
                         int *orientation, vlt_error *err)
{
    if (!policy->pillow) {
        *orientation = found->torch;
        return VLT_OK;
    }
    vlt_exif_answer answer = vlt_exif_as_pillow(found->exif, found->exif_bytes, false,
                                                policy->twelve, orientation);
    if (answer == VLT_EXIF_SILENT) {
        *orientation = found->xmp;
    }
    return answer == VLT_EXIF_BROKEN && found->has_dpi ? vlt_exif_refuse("JPEG", err) : VLT_OK;
}

static vlt_status decode_pixels(vlt_context *context, const uint8_t *data, size_t bytes,
                                const vlt_jpeg_info *info, const vlt_image_policy *policy,
                                vlt_image *image, vlt_error *err)
{
    int64_t reached = 0;
    vlt_plan *plan = NULL;
    vlt_scratch scratch = {0};
    vlt_problem problem = vlt_jpeg_decode_problem(info);
    vlt_jpeg_decode_args args = {.data = data,
                                 .data_bytes = bytes,
                                 .rgb = image->rgb,
                                 .stride = info->w * 3,
                                 .strict = policy->strict,
                                 .rows_reached = &reached,
                                 .damage = image->damage};
    vlt_status status = vlt_plan_create(context, &problem, &plan, err);
    if (status == VLT_OK) {
        status = vlt_plan_run_in(&scratch, plan, &args, err);
    }
    vlt_plan_destroy(plan);
    vlt_scratch_release(&scratch);
    image->rows_missing = info->h - reached;
    return status;
}

/* The header, and the orientation where it is wanted. */
static vlt_status inspect(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                          int *orientation, vlt_jpeg_info *info, vlt_error *err)
{
    struct segments found = {0};
    vlt_status status = vlt_jpeg_inspect(data, bytes, see_segment, &found, info, err);
    if (status == VLT_OK && found.no_memory) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "JPEG: no memory for %zu bytes of EXIF",
                          found.exif_bytes);
    }
    if (status == VLT_OK && policy->rotate) {
        status = orient(&found, policy, orientation, err);
    }
    free(found.exif);
    return status;
}

vlt_status vlt_image_decode_jpeg(vlt_context *context, const uint8_t *data, size_t bytes,
                                 const vlt_image_policy *policy, vlt_image *image, vlt_error *err)
{
    vlt_jpeg_info info;
    vlt_status status = inspect(data, bytes, policy, &image->orientation, &info, err);
    if (status == VLT_OK) {
        status = vlt_image_alloc(image, info.h, info.w, policy, info.coefficient_bytes, "JPEG",
                                 err);
    }
    return status == VLT_OK ? decode_pixels(context, data, bytes, &info, policy, image, err)
                            : status;
}

vlt_status vlt_image_jpeg_rows(vlt_context *context, const uint8_t *data, size_t bytes,
                               const vlt_image_policy *policy, vlt_jpeg_rows **out, int64_t *h,
                               int64_t *w)
{
    int orientation = 0;
    vlt_jpeg_info info;
    vlt_plan plan;
    vlt_status status = inspect(data, bytes, policy, &orientation, &info, NULL);
    if (status != VLT_OK || orientation > 1 || info.coefficient_bytes) {
        return VLT_STATUS_UNSUPPORTED;
    }
    *h = info.h;
    *w = info.w;
    const vlt_problem problem = vlt_jpeg_decode_problem(&info);
    status = vlt_plan_settle(context, &problem, &plan, NULL);
    if (status == VLT_OK && !vlt_jpeg_decode_has_rows(&plan)) {
        status = VLT_STATUS_UNSUPPORTED;
    }
    const vlt_jpeg_decode_args args = {.data = data, .data_bytes = bytes, .strict = policy->strict};
    return status == VLT_OK ? vlt_jpeg_rows_create(&args, info.h, info.w, out, NULL) : status;
}
