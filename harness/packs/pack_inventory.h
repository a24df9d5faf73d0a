/* pack_inventory.h: what is in the folder of packed weights, model by model. */
#ifndef VLT_HARNESS_PACK_INVENTORY_H
#define VLT_HARNESS_PACK_INVENTORY_H

#include "harness/packs/pack_file.h"

/* Packs of one arrangement, made from one checkpoint. */
typedef struct vlt_pack_group {
    char model[VLT_PACK_MODEL_BYTES]; /* the checkpoint's folder when they were made */
    char kind[VLT_PACK_KIND_BYTES];
    int count;
    uint64_t bytes;
    int64_t used_ns; /* since 1970: the last use of any of them */
} vlt_pack_group;

typedef struct vlt_pack_inventory {
    vlt_pack_group *group; /* owned; latest use first */
    int count;
    uint64_t bytes; /* of all that is ours, hashes and damaged ones included */
    int hashes;     /* shards whose hashes are kept */
    int damaged;    /* packs with a header that is none; their contents are not looked at */
    int others;     /* files that are none of ours */
} vlt_pack_inventory;

/* Reads headers only. IO or NOMEM. */
vlt_status vlt_pack_inventory_read(const vlt_pack_folder *folder, vlt_pack_inventory *out,
                                   vlt_error *err);
void vlt_pack_inventory_release(vlt_pack_inventory *inventory); /* fine on {0} */

#endif
