#include "optimizations/jpeg_decode/jpeg_decode.h"
#include "optimizations/jpeg_decode/jpeg_reader.h"

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

struct inspection {
    vlt_jpeg_info *info;
    vlt_jpeg_segment *segment;
    void *user;
};

/* A progressive file, or one with a scan for each component, is put together from all its scans. */
static uint64_t coefficient_bytes(const struct jpeg_decompress_struct *jpeg)
{
    uint64_t blocks = 0;
    if (!jpeg->progressive_mode && jpeg->comps_in_scan == jpeg->num_components) {
        return 0;
    }
    for (int c = 0; c < jpeg->num_components; c++) {
        const jpeg_component_info *component = &jpeg->comp_info[c];
        blocks += (uint64_t)component->width_in_blocks * component->height_in_blocks;
    }
    return blocks * DCTSIZE2 * sizeof(JCOEF);
}

static void inspect_body(vlt_jpeg_reader *reader, void *argument)
{
    const struct inspection *inspection = argument;
    vlt_jpeg_start_header(reader);
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    *inspection->info = (vlt_jpeg_info){.h = (int64_t)jpeg->image_height,
                                        .w = (int64_t)jpeg->image_width,
                                        .restart_rows = restart_rows(jpeg),
                                        .coefficient_bytes = coefficient_bytes(jpeg)};
    for (const struct jpeg_marker_struct *marker = jpeg->marker_list; marker;
         marker = marker->next) {
        inspection->segment(inspection->user, marker->marker - JPEG_APP0, marker->data,
                            marker->data_length);
    }
}

vlt_status vlt_jpeg_inspect(const void *data, size_t bytes, vlt_jpeg_segment *segment, void *user,
                            vlt_jpeg_info *out, vlt_error *err)
{
    vlt_jpeg_reader reader = {.markers = segment != NULL};
    vlt_jpeg_piece piece = {data, bytes};
    struct inspection inspection = {out, segment, user};
    return vlt_jpeg_read(&reader, &piece, 1, inspect_body, &inspection, err);
}
