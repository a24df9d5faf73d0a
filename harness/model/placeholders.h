/* placeholders.h: what the one placeholder of an image or a video becomes once its grid is known.
 *
 * An image's <|image_pad|> becomes `tokens` copies of itself. A video's becomes, per temporal
 * group, "<T seconds>" (%.1f), then <|vision_start|>, `tokens` x <|video_pad|>, <|vision_end|>. In
 * dialect 5 the template's own pair around the video stays, in dialect 4.57 the group sequence
 * replaces it. Source: harness/model/README.md#placeholders.
 *
 * Time stamps are ordinary text and in 4.57 they touch the text before the video, so videos are
 * written out on the text first (one pad a group), then the text is encoded, then the pads are
 * multiplied on the ids.
 */
#ifndef VLT_PLACEHOLDERS_H
#define VLT_PLACEHOLDERS_H

#include "harness/model/tokenizer.h"

typedef enum vlt_dialect { VLT_DIALECT_5, VLT_DIALECT_4_57 } vlt_dialect;

/* Ids as config.json names them; each must be a token of the vocabulary. */
typedef struct vlt_vision_tokens {
    int32_t image_pad;
    int32_t video_pad;
    int32_t vision_start;
    int32_t vision_end;
} vlt_vision_tokens;

typedef struct vlt_video_layout {
    int64_t groups;        /* temporal groups: grid t */
    int64_t tokens;        /* of one group: grid h * w / merge^2 */
    const double *seconds; /* [groups] time stamps */
} vlt_video_layout;

/* What the prompt shows, in the order of the placeholders of each kind. */
typedef struct vlt_prompt_media {
    const int64_t *image_tokens; /* [image_count] grid t * h * w / merge^2 */
    int image_count;
    const vlt_video_layout *video; /* [video_count] */
    int video_count;
    vlt_dialect dialect;
} vlt_prompt_media;

/* A rendered prompt. plain: stretches that are not the template's, where no token counts for more
 * than its letters; none when text may act as the template's own. */
typedef struct vlt_prompt_text {
    const char *text;
    size_t bytes;
    vlt_text_ranges plain;
} vlt_prompt_text;

/* seconds[g] = mean of index / fps over the first and the last frame of group g; the last frame
 * fills up the last group. seconds: [ceil(frame_count / group_frames)]. */
void vlt_video_seconds(const int64_t *frame_indices, int frame_count, double fps, int group_frames,
                       double *seconds);

/* Step 1, on the text: videos written out. INPUT when the counts of video placeholders and videos
 * differ, or where a token for them is none of the vocabulary's; a prompt without videos needs
 * none. The caller releases *out. */
vlt_status vlt_placeholders_text(const vlt_vocab *vocab, const vlt_vision_tokens *tokens,
                                 const vlt_prompt_text *prompt, const vlt_prompt_media *media,
                                 vlt_prompt_text *out, vlt_error *err);
void vlt_placeholders_text_release(vlt_prompt_text *written); /* may be called on {0} */

/* Step 2, on the ids of that text: pads multiplied. INPUT when the counts of image placeholders
 * and images differ, or those of video groups. *out is malloc'ed. */
vlt_status vlt_placeholders_ids(const vlt_vision_tokens *tokens, const int32_t *ids,
                                size_t id_count, const vlt_prompt_media *media, int32_t **out,
                                size_t *out_count, vlt_error *err);

#endif
