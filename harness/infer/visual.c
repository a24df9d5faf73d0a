#include "harness/infer/visual.h"

#include <stdlib.h>
#include <string.h>

#include "harness/infer/media.h"
#include "optimizations/core/hash.h"

static vlt_status read_files(const char *const *path, int count, const char *folder,
                             const vlt_stop *stop, vlt_visual_files *files, vlt_error *err)
{
    files->source = calloc((size_t)count + 1, sizeof *files->source);
    files->name = calloc((size_t)count + 1, sizeof *files->name);
    if (!files->source || !files->name) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d images", count);
    }
    for (int i = 0; i < count; i++) {
        vlt_vision_source *source = &files->source[i];
        uint8_t *data = NULL;
        vlt_status status = vlt_media_read(path[i], folder, stop, &data, &source->data_bytes, err);
        if (status != VLT_OK) {
            return status;
        }
        source->data = data;
        files->count = i + 1;
        source->name = files->name[i] = vlt_media_name(path[i]);
        if (!source->name) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the name of an image");
        }
    }
    return VLT_OK;
}

/* Of the values that the tower sees: of bytes and what makes values of them. */
static vlt_hash128 content_of(const vlt_vision_input *input)
{
    if (!input->pixels) {
        size_t bytes = (size_t)(input->rows * input->row_values) * sizeof *input->patches;
        return vlt_hash128_bytes(input->patches, bytes);
    }
    const vlt_hash128 both[] = {
        vlt_hash128_bytes(input->pixels, (size_t)(input->rows * input->pixel_values)),
        vlt_hash128_bytes(input->table->table, sizeof input->table->table)};
    return vlt_hash128_bytes(both, sizeof both);
}

/* The keys under which what was made from this item is found again. */
static void hash_input(const vlt_vision_input *input, vlt_visual *out)
{
    const vlt_grid *grid = &out->grid;
    const int64_t head[] = {grid->t, grid->h, grid->w, grid->video};
    out->content = content_of(input);
    out->hash = vlt_hash_bytes(&out->content, sizeof out->content,
                               vlt_hash_bytes(head, sizeof head, 0));
}

vlt_status vlt_visual_read(const vlt_media *media, const char *folder, const vlt_stop *stop,
                           vlt_visual_files *out, vlt_visual_times *times, vlt_error *err)
{
    const bool video = media->kind == VLT_MEDIA_VIDEO;
    *out = (vlt_visual_files){0};
    if (!video && !media->source) {
        return vlt_fail(err, VLT_STATUS_INPUT, "an image item names no image");
    }
    double start_ms = vlt_now_ms();
    vlt_status status = read_files(video ? media->frames : &media->source,
                                   video ? media->frame_count : 1, folder, stop, out, err);
    times->image_decode_ms += vlt_now_ms() - start_ms;
    return status;
}

void vlt_visual_files_release(vlt_visual_files *files)
{
    for (int i = 0; i < files->count; i++) {
        free((void *)files->source[i].data);
        free(files->name[i]);
    }
    free(files->source);
    free(files->name);
    *files = (vlt_visual_files){0};
}

vlt_status vlt_visual_make(vlt_vision_reader *reader, vlt_media_kind kind,
                           const vlt_visual_files *files, vlt_visual *out, vlt_visual_times *times,
                           vlt_error *err)
{
    const bool video = kind == VLT_MEDIA_VIDEO;
    vlt_vision_input input = {0};
    vlt_vision_times phase = {0};
    *out = (vlt_visual){0};
    vlt_status status = video ? vlt_vision_read_video(reader, files->source, files->count, &input,
                                                      &phase, err)
                              : vlt_vision_read_image(reader, files->source, &input, &phase, err);
    if (status == VLT_OK) {
        *out = (vlt_visual){
            .grid = {.video = video, .t = input.grid[0], .h = input.grid[1], .w = input.grid[2]},
            .patches = input.patches,
            .pixels = input.pixels,
            .source = input.source};
        hash_input(&input, out);
    }
    times->image_decode_ms += phase.decode_ms;
    times->preprocess_ms += phase.preprocess_ms;
    return status;
}

size_t vlt_visual_patch_bytes(const vlt_visual *visual, const vlt_vision_config *vision)
{
    const size_t values = (size_t)vlt_vision_config_patch_values(vision);
    const size_t row = visual->pixels ? values / (size_t)vision->temporal : values * sizeof(float);
    return (size_t)vlt_grid_patches(&visual->grid) * row;
}

void vlt_visual_drop_patches(vlt_visual *visual)
{
    vlt_block_give(visual->source, visual->patches ? (void *)visual->patches : visual->pixels);
    visual->patches = NULL;
    visual->pixels = NULL;
}

void vlt_visual_release(vlt_visual *visual)
{
    vlt_visual_drop_patches(visual);
    *visual = (vlt_visual){0};
}
