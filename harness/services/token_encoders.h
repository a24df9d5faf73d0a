/* token_encoders.h: encoders that are kept between texts, by size. */
#ifndef VLT_HARNESS_TOKEN_ENCODERS_H
#define VLT_HARNESS_TOKEN_ENCODERS_H

#include <pthread.h>

#include "harness/model/placeholders.h"

enum { VLT_ENCODER_CLASSES = 27 }; /* powers of two from 4 KiB */

typedef struct vlt_token_encoder {
    struct vlt_token_encoder *next; /* of those that nobody uses */
    vlt_plan *plan;
    int32_t *ids; /* room for any text of the class, touched as far as texts reach */
    int size_class;
} vlt_token_encoder;

typedef struct vlt_token_encoders {
    vlt_bpe_encode_constants constants;
    vlt_context context;
    pthread_mutex_t lock;
    vlt_token_encoder *idle[VLT_ENCODER_CLASSES];
} vlt_token_encoders;

/* The context is copied; plans are made in it by several threads. */
void vlt_token_encoders_init(vlt_token_encoders *encoders,
                             const vlt_bpe_encode_constants *constants, const vlt_context *context);
void vlt_token_encoders_forget(vlt_token_encoders *encoders);  /* those that nobody uses */
void vlt_token_encoders_release(vlt_token_encoders *encoders); /* none may be in use */

/* One for texts of up to `bytes`, for the caller alone until it is given back. */
vlt_status vlt_token_encoders_take(vlt_token_encoders *encoders, size_t bytes,
                                   vlt_token_encoder **out, vlt_error *err);
void vlt_token_encoders_give(vlt_token_encoders *encoders, vlt_token_encoder *encoder);

/* How many ids the encoder's room holds. */
size_t vlt_token_encoder_room(const vlt_token_encoder *encoder);

/* Ids of text->text[first, end) into ids, which has room for their bound. */
vlt_status vlt_token_encoder_run(vlt_token_encoder *encoder, const vlt_prompt_text *text,
                                 size_t first, size_t end, int32_t *ids, size_t *count,
                                 vlt_error *err);

#endif
