/* pack_folder.h: the folder of packed weights, $XDG_CACHE_HOME/vltune/packs.
 *
 * It belongs to the user alone: what somebody else owns or may write is never read, links are not
 * followed. Everything in it may vanish at any time, and any number of processes use it at once:
 * files are written under a new name, renamed when they are whole (pack_new.h) and never changed
 * afterwards. Its time of writing is a file's last use.
 */
#ifndef VLT_HARNESS_PACK_FOLDER_H
#define VLT_HARNESS_PACK_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "optimizations/core/hash.h"
#include "optimizations/core/status.h"

enum { VLT_PACK_NAME_BYTES = 80 };

typedef struct vlt_pack_folder {
    int fd;      /* -1: there is none */
    char *path;  /* owned */
    char *shown; /* owned; "~/.cache/vltune/packs" */
} vlt_pack_folder;

#define VLT_PACK_FOLDER_NONE ((vlt_pack_folder){-1, NULL, NULL})

/* What its name says of a file. */
typedef enum vlt_pack_entry_kind {
    VLT_PACK_ENTRY_PACK,   /* KEY.pack */
    VLT_PACK_ENTRY_HASHES, /* KEY.hashes, of a shard's tensors */
    VLT_PACK_ENTRY_NEW,    /* either of them, being written or left behind */
    VLT_PACK_ENTRY_OTHER   /* none of ours */
} vlt_pack_entry_kind;

/* "0123...def.pack"; kind: PACK or HASHES */
void vlt_pack_entry_name(vlt_hash128 key, vlt_pack_entry_kind kind, char name[VLT_PACK_NAME_BYTES]);

/* make: with the folders above it, each for the owner alone. Without: OK and fd -1 when it is not
 * there. IO names the folder and why it is not used. *homeless (may be NULL): HOME is not set, so
 * it lies in the current folder. On failure *out still holds the paths. */
vlt_status vlt_pack_folder_open(bool make, vlt_pack_folder *out, bool *homeless, vlt_error *err);
void vlt_pack_folder_close(vlt_pack_folder *folder); /* fine on VLT_PACK_FOLDER_NONE, and twice */

/* Opens a file to read. OK and *fd -1: it is not there. INPUT: it is a link, no file, of another
 * owner, or not his alone. The message begins with the file's name as people write it. */
vlt_status vlt_pack_folder_open_file(const vlt_pack_folder *folder, const char *name, int *fd,
                                     struct stat *info, vlt_error *err);

/* It is used now. */
void vlt_pack_folder_touch(int fd);

/* Removes one file; false when that failed. One that is not there is removed. */
bool vlt_pack_folder_remove(const vlt_pack_folder *folder, const char *name);

typedef struct vlt_pack_entry {
    char name[VLT_PACK_NAME_BYTES];
    vlt_pack_entry_kind kind; /* never OTHER */
    uint64_t bytes;
    int64_t used_ns; /* since 1970 */
} vlt_pack_entry;

/* Regular files of ours, least recently used first; what a dead process left half written is
 * removed on the way. *others (may be NULL): how many files are none of ours. The list is owned. */
vlt_status vlt_pack_folder_list(const vlt_pack_folder *folder, vlt_pack_entry **out, int *count,
                                int *others, vlt_error *err);

/* Removes the least recently used files until `bytes` more fit below `limit`, but none that `used`
 * holds on to. False when that is not enough; then nothing is removed. */
bool vlt_pack_folder_make_room(const vlt_pack_folder *folder, uint64_t limit, uint64_t bytes,
                               bool (*used)(void *user, const char *name), void *user);

#endif
