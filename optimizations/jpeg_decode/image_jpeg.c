#include <string.h>

#include "optimizations/jpeg_decode/image_exif.h"
#include "optimizations/jpeg_decode/image_internal.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"
#include "optimizations/jpeg_decode/jpeg_reader.h"

enum { EXIF_PREFIX = 6 };

static bool begins_with(const struct jpeg_marker_struct *marker, const char *text, size_t bytes)
{
    return marker->data_length >= bytes && !memcmp(marker->data, text, bytes);
}

/* EXIF of a JPEG may be cut into several segments: Pillow joins them. Orientation stands in the
 * first kilobytes, so a bounded join is as good. */
static int joined_orientation(const struct jpeg_marker_struct *marker)
{
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    uint8_t joined[1 << 16];
    size_t used = 0;
    int from_xmp = 0;
    for (; marker; marker = marker->next) {
        if (begins_with(marker, exif, sizeof exif)) {
            size_t from = used ? EXIF_PREFIX : 0, bytes = marker->data_length - from;
            bytes = bytes < sizeof joined - used ? bytes : sizeof joined - used;
            memcpy(joined + used, marker->data + from, bytes);
            used += bytes;
        } else if (begins_with(marker, xmp, sizeof xmp)) {
            from_xmp = vlt_xmp_orientation(marker->data, marker->data_length);
        }
    }
    int orientation = vlt_exif_orientation_prefixed(joined, used);
    return orientation ? orientation : from_xmp;
}

/* The restart interval in whole rows of MCUs; 0 where it is not. */
static int64_t restart_rows(const struct jpeg_decompress_struct *jpeg)
{
    int widest = 1;
    for (int c = 0; c < jpeg->num_components; c++) {
        int h = jpeg->comp_info[c].h_samp_factor;
        widest = h > widest ? h : widest;
    }
    int64_t mcu = jpeg->num_components == 1 ? DCTSIZE : (int64_t)widest * DCTSIZE;
    int64_t row = ((int64_t)jpeg->image_width + mcu - 1) / mcu;
    return jpeg->restart_interval % row ? 0 : (int64_t)jpeg->restart_interval / row;
}

static void inspect_body(vlt_jpeg_reader *reader, void *argument)
{
    vlt_jpeg_info *info = argument;
    vlt_jpeg_start_header(reader);
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    const struct jpeg_marker_struct *first = jpeg->marker_list;
    *info = (vlt_jpeg_info){.h = (int64_t)jpeg->image_height,
                            .w = (int64_t)jpeg->image_width,
                            .restart_rows = restart_rows(jpeg)};
    if (first && first->data_length > EXIF_PREFIX) { /* torch takes the first APP1 for EXIF */
        info->orientation = vlt_exif_orientation(first->data + EXIF_PREFIX,
                                                 first->data_length - EXIF_PREFIX, false);
    }
    info->orientation_any = joined_orientation(first);
}

vlt_status vlt_jpeg_inspect(const void *data, size_t bytes, vlt_jpeg_info *out, vlt_error *err)
{
    vlt_jpeg_reader reader = {.markers = true};
    vlt_jpeg_piece piece = {data, bytes};
    return vlt_jpeg_read(&reader, &piece, 1, inspect_body, out, err);
}

vlt_status vlt_image_decode_jpeg(vlt_context *context, const uint8_t *data, size_t bytes,
                                 const vlt_image_policy *policy, vlt_image *image, vlt_error *err)
{
    vlt_jpeg_info info;
    vlt_plan *plan = NULL;
    int64_t reached = 0;
    vlt_status status = vlt_jpeg_inspect(data, bytes, &info, err);
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
    image->orientation = policy->pillow ? info.orientation_any : info.orientation;
    return status;
}
